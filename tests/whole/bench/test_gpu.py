"""`bench/gpu.sh`: it lists its steps; a step that hangs is ended and the next one runs. Its rehearsal is in tests/extra."""

import os
import subprocess
import sys

from bench import gpu
from runtime.provenance import ROOT


def test_the_list_names_every_step_and_runs_none(tmp_path):
    done = subprocess.run(
        ["bench/gpu.sh", "--list", str(tmp_path)], cwd=ROOT, env=os.environ | {"PYTHON": sys.executable}, capture_output=True, text=True
    )
    assert done.returncode == 0 and all(step.name in done.stdout for step in gpu.STEPS) and not list(tmp_path.iterdir()), done.stderr


def test_a_step_that_hangs_is_ended_and_what_a_step_returns_is_passed_on(capfd):
    assert gpu._run(["timeit", "-n", "1", "-r", "1", "import time; time.sleep(60)"], 1.0) == 124
    assert gpu._run(["timeit", "-n", "1", "-r", "1", "raise SystemExit(3)"], 60.0) == 3
    assert "ended by its limit" in capfd.readouterr().out
