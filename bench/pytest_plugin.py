"""`pytest` runs the tests; `pytest --benchmark` runs the benchmarks, writes rows and JSON and prints our numbers next to the paper's.

pytest-benchmark compares `machine_info` of two runs to the letter, so it holds what a machine keeps; commit, versions and load of a run
are in `commit_info`. What it warns of (another machine, no saved run) is shown and is not an error.
"""

import time
import warnings
from pathlib import Path
from typing import Any

import psutil
import pytest

KEPT = ("system", "cpu", "cores", "memory_gib")  # of the environment: what does not change from run to run
ENVIRONMENT = pytest.StashKey[dict[str, Any]]()
LOAD = pytest.StashKey[float]()
TEXTS = pytest.StashKey[list[str]]()  # for the summary


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fvit-bench")
    group.addoption("--benchmark", action="store_true", dest="fvit_run", help="run the benchmarks in place of the tests")
    group.addoption("--results-dir", dest="fvit_results", default="results", metavar="DIR", help="where the rows go (default: results)")


@pytest.hookimpl(tryfirst=True)  # before pytest-benchmark reads its own options
def pytest_configure(config: pytest.Config) -> None:
    options = config.option
    if not hasattr(options, "benchmark_json"):
        if options.fvit_run:
            raise pytest.UsageError("--benchmark needs pytest-benchmark >= 5.3, which is missing or switched off (-p no:benchmark)")
        config.addinivalue_line("markers", "benchmark: a benchmark; needs pytest-benchmark")
        return
    _show_warnings(config)
    config.stash[LOAD] = round(psutil.getloadavg()[0], 2)
    if not options.fvit_run:
        return
    clash = [name for name in ("skip", "disable") if getattr(options, f"benchmark_{name}", False)]
    if clash or getattr(options, "numprocesses", None):
        other = f"--benchmark-{clash[0]}" if clash else "-n (pytest-xdist): benchmarks must not share the machine"
        raise pytest.UsageError(f"--benchmark cannot be combined with {other}; leave one of them out")
    if options.benchmark_json is None:
        folder = results(config) / "pytest"
        folder.mkdir(parents=True, exist_ok=True)
        options.benchmark_json = folder / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    if str(options.benchmark_timer) == "time.perf_counter":  # no timer was asked for
        from pytest_benchmark.utils import parse_timer

        options.benchmark_timer = parse_timer("bench.records.clock.synced_perf_counter")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    options = config.option
    if not options.fvit_run and (getattr(options, "benchmark_only", False) or getattr(options, "benchmark_enable", False)):
        return  # pytest-benchmark was asked directly: its own meaning stays
    dropped = [item for item in items if _is_benchmark(item) != options.fvit_run]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if _is_benchmark(item) == options.fvit_run]


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict) -> None:
    facts = _environment(config)
    machine_info["node"] = "not recorded"  # a host name has no place in a published file
    machine_info["cpu"] = {name: value for name, value in machine_info.get("cpu", {}).items() if not name.startswith("hz_actual")}
    gpu = facts["gpu"] and {name: facts["gpu"][name] for name in ("name", "memory_gib")}
    machine_info["fvit"] = {name: facts[name] for name in KEPT} | {"gpu": gpu}


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_commit_info(config: pytest.Config, commit_info: dict) -> None:
    facts = _environment(config)
    commit_info["fvit"] = {name: value for name, value in facts.items() if name not in KEPT}


def _show_warnings(config: pytest.Config) -> None:
    """pytest-benchmark's warnings are shown and no errors: now, where it reads saved runs, and in each phase that follows."""
    from pytest_benchmark.logger import PytestBenchmarkWarning

    warnings.filterwarnings("default", category=PytestBenchmarkWarning)
    config.addinivalue_line("filterwarnings", "default::pytest_benchmark.logger.PytestBenchmarkWarning")


def _environment(config: pytest.Config) -> dict[str, Any]:
    """Of this run, asked for once."""
    if ENVIRONMENT not in config.stash:
        from bench.records import machine

        config.stash[ENVIRONMENT] = machine.environment() | {"load_at_start": config.stash[LOAD]}
    return config.stash[ENVIRONMENT]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for text in config.stash.get(TEXTS, []):
        terminalreporter.write_line("")
        terminalreporter.write(text + "\n")
    if config.option.fvit_run and getattr(config.option, "benchmark_json", None):
        terminalreporter.write_line(f"raw times: {config.option.benchmark_json}")


def results(config: pytest.Config) -> Path:
    """The results folder, relative to the project's root wherever pytest was started."""
    return Path(config.rootpath, config.option.fvit_results)


def show_at_the_end(config: pytest.Config, text: str) -> None:
    """Prints `text` in pytest's summary."""
    config.stash[TEXTS] = [*config.stash.get(TEXTS, []), text]


def _is_benchmark(item: pytest.Item) -> bool:
    return "benchmark" in getattr(item, "fixturenames", ()) or item.get_closest_marker("benchmark") is not None
