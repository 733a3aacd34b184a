"""`pytest` runs the tests; `pytest --benchmark` runs the benchmarks, writes rows and JSON and prints ours beside the paper's."""

import time
from pathlib import Path

import pytest

BENCHES = Path(__file__).parent


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
    from bench.records import machine

    machine_info["node"] = "not recorded"  # a host name has no place in a published file
    machine_info["fvit"] = machine.environment()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for text in getattr(config, "fvit_texts", []):
        terminalreporter.write_line("")
        terminalreporter.write(text + "\n")
    if config.option.fvit_run and getattr(config.option, "benchmark_json", None):
        terminalreporter.write_line(f"raw times: {config.option.benchmark_json}")


def results(config: pytest.Config) -> Path:
    """The results folder, relative to the project's root wherever pytest was started."""
    return Path(config.rootpath, config.option.fvit_results)


def show_at_the_end(config: pytest.Config, text: str) -> None:
    """Prints `text` in pytest's summary."""
    config.fvit_texts = [*getattr(config, "fvit_texts", []), text]  # type: ignore[attr-defined]


def _is_benchmark(item: pytest.Item) -> bool:
    return "benchmark" in getattr(item, "fixturenames", ()) or item.get_closest_marker("benchmark") is not None
