"""`bench/gpu.sh` rehearsed on the CPU: every step ends well and leaves its rows."""

import os
import subprocess
import sys

from bench import gpu
from bench.records.rows import Paired, Served, Timed
from bench.records.store import Store
from runtime.provenance import ROOT


def test_the_rehearsal_runs_every_step(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")} | {"PYTHON": sys.executable}
    done = subprocess.run(["bench/gpu.sh", "--rehearse", str(tmp_path / "out")], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  done, ") == len(gpu.STEPS)
    kinds = {type(row) for folder in (tmp_path / "out").iterdir() for row in Store(folder).read()}
    assert {Paired, Timed, Served} <= kinds
