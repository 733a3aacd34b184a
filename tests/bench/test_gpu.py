"""`bench/gpu.sh`: rehearsed on the CPU, every step ends well and leaves its rows; a step that hangs is ended and the next one runs."""

import os
import subprocess
import sys

from bench import gpu
from bench.records.rows import Rows
from runtime.provenance import ROOT


def test_the_rehearsal_runs_every_step(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")} | {"PYTHON": sys.executable}
    done = subprocess.run(["bench/gpu.sh", "--rehearse", str(tmp_path / "out")], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  done, ") == len(gpu.STEPS)
    kinds = {row["kind"] for folder in (tmp_path / "out").iterdir() for row in Rows(folder).read()}
    assert {"pair", "time", "latency"} <= kinds


def test_the_list_names_every_step_and_runs_none(tmp_path):
    command = [sys.executable, "-m", "bench.gpu", "--list", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(step.name in done.stdout for step in gpu.STEPS) and not list(tmp_path.iterdir())
    assert sum(step.limit for step in gpu.STEPS) <= 480


def test_a_step_that_hangs_is_ended(capfd):
    assert gpu._run(["timeit", "-n", "1", "-r", "1", "import time; time.sleep(60)"], 1.0) == 124
    assert "ended by its limit" in capfd.readouterr().out
