"""`pytest --benchmark` in a separate process: from another folder, with -k, compared with a saved run, with options it cannot be combined with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.provenance import ROOT

PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
# a machine whose commit and load change from run to run; torch is not imported
CONFTEST = """
import os, sys, types

def environment():
    gpu = {"name": "G", "memory_gib": 1.0, "cuda": os.environ["COMMIT"]}
    return {"commit": os.environ["COMMIT"], "versions": {"torch": os.environ["COMMIT"]}, "load_at_start": 0.0, "gpu": gpu,
            "system": "S", "cpu": os.environ["CPU"], "cores": 2, "memory_gib": 1.0, "threads": os.getpid(), "python": "3"}

sys.modules["bench.records.machine"] = types.SimpleNamespace(environment=environment)
pytest_plugins = ["bench.pytest_plugin"]
"""
TINY = "def test_tiny(benchmark):\n    benchmark.pedantic(lambda: None, rounds=3)\n"


def run(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess:
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}  # no worker of this run
    return subprocess.run([*PYTEST, *arguments], cwd=cwd, env=alone | variables, capture_output=True, text=True)


def project(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    return run("--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), *arguments, cwd=cwd)


@pytest.fixture
def tiny(tmp_path: Path):
    """Runs one small benchmark in a project in which warnings are errors."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_tiny.py").write_text(TINY)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")

    def start(*arguments: str, commit: str = "one", cpu: str = "C") -> subprocess.CompletedProcess:
        timer = () if "-pno:benchmark" in arguments else ("--benchmark-timer=time.process_time",)
        return run("--benchmark", *timer, *arguments, cwd=tmp_path, COMMIT=commit, CPU=cpu, PYTHONPATH=str(ROOT))

    return start


def test_plain_pytest_leaves_benchmarks_out(tmp_path):
    done = project("--collect-only", str(ROOT / "bench" / "studies" / "speed"), cwd=tmp_path)
    assert done.returncode == 5 and "deselected" in done.stdout and "selected" in done.stdout


def test_one_benchmark_from_another_folder_writes_rows_and_json(tmp_path):
    folder = str(ROOT / "bench" / "studies" / "speed")
    done = project("--benchmark", "-k", "help_is_quick", "--results-dir", str(tmp_path / "r"), folder, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Speed of the runtime itself" in done.stdout and "at most 0.3 s" in done.stdout and "1 passed" in done.stdout
    (path,) = (tmp_path / "r" / "pytest").glob("*.json")
    found = json.loads(path.read_text())
    assert found["machine_info"]["node"] == "not recorded" and len(found["benchmarks"][0]["stats"]["data"]) == 7
    assert {"commit", "versions", "load_at_start"} <= found["commit_info"]["fvit"].keys()
    (rows,) = (tmp_path / "r").glob("speed-*/rows.jsonl")
    kinds = [json.loads(line)["row"]["kind"] for line in rows.read_text().splitlines()]
    assert kinds == ["head", "machine", "speed"]


def test_a_run_is_compared_with_a_saved_one_of_another_commit(tiny, tmp_path):
    saved = tiny("--benchmark-autosave")
    assert saved.returncode == 0, saved.stdout + saved.stderr
    (path,) = (tmp_path / ".benchmarks").rglob("*.json")
    facts = json.loads(path.read_text())
    assert facts["machine_info"]["fvit"] == {
        "system": "S", "cpu": "C", "cores": 2, "memory_gib": 1.0, "gpu": {"name": "G", "memory_gib": 1.0},
    }  # fmt: skip
    assert facts["commit_info"]["fvit"]["commit"] == "one"
    for commit in ("one", "two"):
        done = tiny("--benchmark-compare", commit=commit)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "NOW" in done.stdout and "0001" in done.stdout and "machine_info is different" not in done.stdout + done.stderr


def test_a_saved_run_of_another_machine_is_compared_and_said(tiny):
    assert tiny("--benchmark-autosave").returncode == 0
    done = tiny("--benchmark-compare", cpu="D")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NOW" in done.stdout and "machine_info is different" in done.stdout + done.stderr


def test_without_a_saved_run_nothing_is_compared_and_that_is_said(tiny):
    done = tiny("--benchmark-compare")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout and "Can't compare. No benchmark files" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        ("--benchmark-skip", "cannot be combined with --benchmark-skip"),
        ("--benchmark-disable", "--benchmark-disable"),
        ("-pno:benchmark", "switched off"),
    ],
)
def test_combinations_that_cannot_work_say_so(tiny, option, wanted):
    done = tiny(option)
    assert done.returncode == 4 and wanted in done.stderr
