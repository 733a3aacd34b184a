"""`fvit latency` in processes of its own: LoadGen itself on a chain that sleeps, the real chain, a process that hangs or dies."""

import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from bench.cli import main
from bench.records import child
from bench.records.rows import Served
from bench.records.store import Store
from bench.studies.latency import measure, server
from bench.studies.latency.case import Case
from runtime.errors import FvitError
from runtime.provenance import ROOT

HERE = ".".join(Path(__file__).relative_to(ROOT).with_suffix("").parts)
CASE = Case("single-stream", "label", 1, "eager", "fp32", 1, 0.5, 300.0, 50.0, "cpu", 120.0)
LIMIT = 300.0  # far beyond what any of them takes


def sleeping(job: dict) -> dict:
    """One scenario of LoadGen on a chain that sleeps for two milliseconds."""
    case = Case(**job)
    service = server.Service(lambda numbers: time.sleep(0.002) or [n % 10 for n in numbers], case.merge)  # type: ignore[func-returns-value]
    result = server.drive(server.loadgen, case, service, case.merge / 0.002)
    return {"log": result.log, "answered": len(service.answers), "merged": max(service.merged)}


def test_single_stream_has_percentiles_and_a_verdict():
    made = child.call(f"{HERE}:sleeping", asdict(CASE), LIMIT)
    verdict = measure.from_log(made["log"])
    percentiles = verdict["percentiles"]
    assert verdict["verdict"] == "VALID" and verdict["why"] == "" and made["merged"] == 1
    assert 0 < made["answered"] <= min(verdict["queries"], server.PICTURES)
    assert 2 <= percentiles["p50"] <= percentiles["p90"] <= percentiles["p99"] and 1 < verdict["pictures_per_second"] < 500


def test_server_is_invalid_when_its_target_cannot_be_met():
    made = child.call(f"{HERE}:sleeping", asdict(replace(CASE, scenario="server", target_p99=0.5, merge=4)), LIMIT)
    verdict = measure.from_log(made["log"])
    assert verdict["verdict"] == "INVALID" and verdict["why"] and verdict["percentiles"]["p50"] > 1 and 1 <= made["merged"] <= 4


def test_offline_has_no_percentile():
    made = child.call(f"{HERE}:sleeping", asdict(replace(CASE, scenario="offline", merge=8)), LIMIT)
    verdict = measure.from_log(made["log"])
    assert verdict["verdict"] == "VALID" and verdict["percentiles"] == {} and made["merged"] == 8
    assert verdict["pictures_per_second"] > 100 and verdict["queries"] > 100


def test_a_process_that_hangs_is_ended_with_its_children(tmp_path):
    code = "import subprocess, time; c = subprocess.Popen(['sleep', '60']); print(c.pid, flush=True); time.sleep(60)"
    start = time.perf_counter()
    assert child.run([sys.executable, "-c", code], 5.0, tmp_path / "said") == (None, (tmp_path / "said").read_text().strip())
    assert time.perf_counter() - start < 40
    pid, end = int((tmp_path / "said").read_text()), time.perf_counter() + 20
    while not _gone(pid) and time.perf_counter() < end:  # a killed process lives until it is scheduled once more
        time.sleep(0.05)
    assert _gone(pid)


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_call_that_hangs_or_dies_says_why():
    with pytest.raises(FvitError, match="hung and was ended after 2 s"):
        child.call("time:sleep", 60, 2.0)  # type: ignore[arg-type]
    with pytest.raises(FvitError, match="exit code 1: TypeError"):
        child.call("time:sleep", {}, LIMIT)


@pytest.mark.parametrize("loadgen", [True, False])
def test_the_real_chain_by_the_command_line(tmp_path, monkeypatch, loadgen):
    """With LoadGen and an exported graph, and as the plain loop in eager, which gives a map as well."""
    answer, session = ("label", "ort") if loadgen else ("vta:rules=chefer_bf16", "eager")
    if not loadgen:
        monkeypatch.setattr(measure, "available", lambda: "LoadGen is not installed; pip install 'fvit-bench[loadgen]'")
    words = ["latency", "--scenario", "single-stream", "--answer", answer, "--session", session, "--draws", "1", "--seconds", "1"]
    assert main([*words, "--results", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    (row,) = [row for row in Store(folder).read() if isinstance(row, Served)]
    assert row.verdict == ("VALID" if loadgen else "none") and 0 < row.percentiles["p50"] <= row.percentiles["p99"]
    assert sum(row.labels[int(number)] == label for number, label in row.answers.items()) > 0.8 * len(row.answers)
    assert row.peak_bytes >= row.resident_end > 0 and row.cold_start_seconds > row.percentiles["p50"] / 1e3
    before, page = (folder / "rows.jsonl").read_bytes(), (folder / "latency.md").read_text()
    assert main([*words, "--results", str(tmp_path)]) == 0 and (folder / "rows.jsonl").read_bytes() == before
    assert f"| single-stream | {answer} | {session} fp32 | 1 | 1 (1.0) |" in page and "not MLPerf results" in page
