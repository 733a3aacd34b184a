"""`bench/gpu.sh`: it lists its steps without this project's packages, installs the wheels that came along, ends a step that hangs.

Its rehearsal is in tests/extra.
"""

import os
import subprocess
import sys
from pathlib import Path

from bench import gpu
from runtime.provenance import ROOT

MISSING = ("cyclopts", "diffusers", "filelock", "msgspec", "numpy", "psutil", "rich", "torch")


def test_the_list_names_every_step_runs_none_and_needs_no_package(tmp_path):
    for name in MISSING:
        (tmp_path / f"{name}.py").write_text("raise ImportError('not on this machine')\n")
    environment = os.environ | {"PYTHON": sys.executable, "CARRIED": str(tmp_path)}
    done = subprocess.run(["bench/gpu.sh", "--list", str(tmp_path / "out")], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and all(step.name in done.stdout for step in gpu.STEPS), done.stderr
    assert not (tmp_path / "out").exists()


def test_wheels_that_came_along_are_installed_first_on_the_path_and_gone_afterwards(tmp_path):
    """With a stand-in for Python that says how it was called."""
    wheels, python = tmp_path / "wheels", tmp_path / "python"
    wheels.mkdir()
    (wheels / "some-1-py3-none-any.whl").touch()
    python.write_text(f'#!/bin/sh\necho "$PYTHONPATH|$*" >> {tmp_path}/calls\ncase "$*" in *bench.gpu*) exit 3 ;; esac\n')
    python.chmod(0o755)
    environment = os.environ | {"PYTHON": str(python), "WHEELS": str(wheels), "PYTHONPATH": "", "CARRIED": "before"}
    done = subprocess.run(["bench/gpu.sh", "--rehearse", "there"], cwd=ROOT, env=environment, capture_output=True, text=True)
    install, run = (tmp_path / "calls").read_text().splitlines()
    site = install.partition(" --target ")[2].split()[0]
    assert done.returncode == 3 and "--no-index --no-deps" in install and install.endswith(f"{wheels}/some-1-py3-none-any.whl")
    assert run == f"before:{site}:{ROOT}|-m bench.gpu --rehearse --out there" and not Path(site).exists()


def test_a_step_that_hangs_is_ended_and_what_a_step_returns_is_passed_on(capfd):
    assert gpu.run_step(["timeit", "-n", "1", "-r", "1", "import time; time.sleep(60)"], 1.0) == gpu.CUT
    assert gpu.run_step(["timeit", "-n", "1", "-r", "1", "1 / 0"], 60.0) == 1
    assert "ended by its limit" in capfd.readouterr().out
