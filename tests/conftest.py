"""Three tiers by folder; one export of each small network for all of them; shapes checked; processors shared out.

    unit    no network is exported, no child process, no command: the tier to run before a commit
    chain   exports, sessions, attacks, and commands in this process through bench.cli.main
    whole   child processes, kills, LoadGen, resumes for real
    extra   not part of a run: see tests/extra/conftest.py

Two processes with a thread for every core each wait for one another, spinning: each of pytest-xdist's workers has processors of its own,
and its child processes stay on them.
"""

import hashlib
import importlib.metadata
import os
import shutil
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TIERS = ("unit", "chain", "whole", "extra")
WORKER, WORKERS = os.environ.get("PYTEST_XDIST_WORKER", ""), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if WORKER and hasattr(os, "sched_setaffinity"):
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, processors[int(WORKER.removeprefix("gw")) :: WORKERS] or processors)


def pytest_configure(config: pytest.Config) -> None:
    """Checks jaxtyping's shapes with beartype in the tests; never in what is timed, nor on a machine that lacks it (bench/gpu.sh's).

    Not by --jaxtyping-packages in addopts: that plugin reads its option from the arguments alone, and a worker of pytest-xdist gets no addopts.
    """
    if config.option.fvit_run:
        return
    if find_spec("beartype"):
        from helpers import shapes

        shapes.install()
    if not WORKER and hasattr(config, "cache"):
        for old in exports(config).parent.iterdir():
            if old != exports(config):
                shutil.rmtree(old, ignore_errors=True)


def pytest_report_header() -> str:
    return "shapes: " + ("checked by beartype" if find_spec("beartype") else "not checked, beartype is not installed")


def exports(config: pytest.Config) -> Path:
    """The folder of exported networks that all workers and runs share, named by everything that can change an export."""
    files = [path for folder in ("export", "runtime", "tests/helpers") for path in (ROOT / folder).rglob("*.py")]
    found = hashlib.sha256(importlib.metadata.version("torch").encode())
    for path in (*sorted(files), ROOT / "constraints.txt"):
        found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return config.cache.mkdir("exports") / found.hexdigest()[:16]


@pytest.fixture(scope="session", autouse=True)
def _caches(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory):
    """Exports are shared; answers are this process's alone, so that no test passes by what an earlier run has seen."""
    from bench.records.clock import cores, fixed_threads

    shared = hasattr(pytestconfig, "cache")  # not with -p no:cacheprovider
    with pytest.MonkeyPatch.context() as patch, fixed_threads(cores()):
        patch.setenv("FVIT_CACHE", str(exports(pytestconfig) if shared else tmp_path_factory.mktemp("exports")))
        patch.setenv("FVIT_ANSWERS", str(tmp_path_factory.mktemp("answers")))
        yield


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of exports that is empty, for a test that needs a cold one or spoils it."""
    monkeypatch.setenv("FVIT_CACHE", str(tmp_path / "exports"))
    return tmp_path / "exports"


@pytest.fixture
def any_shape():
    """For a test that hands in what a function refuses by itself, in its own words: the check of shapes would come first."""
    from jaxtyping import config

    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture
def rng():
    import torch

    return torch.Generator().manual_seed(0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tests and seconds of each tier, set-ups included, added up over the workers."""
    reports = [report for found in terminalreporter.stats.values() for report in found if isinstance(report, pytest.TestReport)]
    tests, seconds = Counter[str](), Counter[str]()
    for report in reports:
        tier = report.nodeid.removeprefix("tests/").partition("/")[0]
        tests[tier] += report.when == "setup"
        seconds[tier] += report.duration
    told = [f"{tier}: {tests[tier]} tests, {seconds[tier]:.0f} s" for tier in TIERS if tests[tier]]
    if told:
        terminalreporter.write_line(" | ".join(told))
