"""`pytest --benchmark` in a process of its own: from another folder, with -k, and with options it cannot be combined with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.provenance import ROOT


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}  # no worker of this run
    return subprocess.run([*command, *arguments], cwd=cwd, env=alone, capture_output=True, text=True)


def test_plain_pytest_leaves_benchmarks_out(tmp_path):
    done = run("--collect-only", str(ROOT / "bench"), cwd=tmp_path)
    assert done.returncode == 5 and "deselected" in done.stdout and "selected" in done.stdout


def test_one_benchmark_from_another_folder_writes_json(tmp_path):
    done = run("--benchmark", "-k", "help_is_quick", "--results-dir", str(tmp_path / "r"), str(ROOT / "bench"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Speed of the runtime itself" in done.stdout and "1 passed" in done.stdout
    (path,) = (tmp_path / "r" / "pytest").glob("*.json")
    found = json.loads(path.read_text())
    assert found["machine_info"]["node"] == "not recorded" and len(found["benchmarks"][0]["stats"]["data"]) == 7


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        ("--benchmark-skip", "cannot be combined with --benchmark-skip"),
        ("--benchmark-disable", "--benchmark-disable"),
        ("-pno:benchmark", "switched off"),
    ],
)
def test_combinations_that_cannot_work_say_so(tmp_path, option, wanted):
    done = run("--benchmark", option, str(ROOT / "bench"), cwd=tmp_path)
    assert done.returncode == 4 and wanted in done.stderr
