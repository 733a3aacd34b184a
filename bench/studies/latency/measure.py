"""Deployment latency: one scenario in a child process under a watchdog, and what its logs say, as a row.

LoadGen hangs on an unanswered query and nothing inside its process ends that, so the process is killed when its time is over; rows written
before are kept. Short runs on one machine are no MLPerf results and are not called so.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.records.stats import wilson
from runtime.errors import FvitError
from runtime.provenance import ROOT

DETAIL = "mlperf_log_detail.txt"
PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Case:
    """One run. `answer`: label, map (label and VTA's map) or an explainer (label and its map); `merge`: requests answered together at most.

    `qps`, `target_p99` (ms): server's. `limit`: seconds after which the run counts as hung.
    """

    scenario: str
    answer: str
    merge: int
    session: str
    precision: str
    draws: int
    seconds: float
    qps: float | None
    target_p99: float | None
    device: str
    limit: float


def available() -> str | None:
    """Why LoadGen cannot be used here."""
    if importlib.util.find_spec("mlperf_loadgen") is None:
        return "LoadGen is not installed; pip install 'fvit-bench[loadgen]'"
    return None


def run(case: Case, artifact: Path | None) -> dict:
    """The row of `case`, its session made from `artifact`, if it takes one; FvitError with the reason where the child failed or hung."""
    job = asdict(case) | {"artifact": artifact and str(artifact), "started": time.time()} | ({"scenario": "loop"} if available() else {})
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.studies.latency.server", json.dumps(job), folder]
        _watched(command, Path(folder), case.limit)
        facts = json.loads((Path(folder) / "answers.json").read_text())
        found = _alone(facts["latencies"]) if facts["latencies"] else _read(Path(folder) / DETAIL)
    if facts["failure"]:
        raise FvitError(f"{case.scenario}: a query failed: {facts['failure']}")
    given = {int(number): label for number, label in facts["answers"].items()}
    right, low, high = wilson(sum(facts["labels"][number] == label for number, label in given.items()), len(given))
    names = ("cold_start_seconds", "resident_begin", "resident_end", "peak_bytes", "facts", "qps", "target_p99")
    merged = float(np.mean(facts["merged"]))
    return found | {name: facts[name] for name in names} | {"merged": merged, "accuracy": [right, low, high], "pictures": len(given)}


def _watched(command: list[str], folder: Path, limit: float) -> None:
    """Runs the child to its end, or kills it and whatever it started when `limit` seconds are over."""
    with (folder / "said").open("w+") as said:
        child = subprocess.Popen(command, cwd=ROOT, env={**os.environ}, stdout=said, stderr=said, start_new_session=True)
        try:
            code = child.wait(limit)
        except subprocess.TimeoutExpired:
            raise FvitError(f"the run hung and was ended after {limit:.0f} s; rows before it are kept") from None
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        said.seek(0)
        last = (said.read().strip().splitlines() or ["no message"])[-1]
    if code or not (folder / "answers.json").exists():
        raise FvitError(f"the run ended with exit code {code}: {last}")


def _alone(latencies: list[float]) -> dict:
    """Percentiles of the loop without LoadGen."""
    values = {f"p{p}": float(np.percentile(latencies, p)) * 1e3 for p in PERCENTILES}
    rate = len(latencies) / sum(latencies)
    return values | {"queries": len(latencies), "pictures_a_second": rate, "verdict": "none", "why": available() or ""}


def _read(detail: Path) -> dict:
    """LoadGen's verdict and figures, milliseconds. Offline all queries come at once, so a percentile would tell its length only."""
    facts: dict = {}
    for line in detail.read_text().splitlines():
        if line.startswith(":::MLLOG "):
            entry = json.loads(line.removeprefix(":::MLLOG "))
            facts.setdefault(entry["key"], []).append(entry["value"])
    if "result_validity" not in facts:
        raise FvitError(f"LoadGen's log has no verdict ({len(facts)} keys); it ended before its end")
    offline = facts["effective_scenario"][-1] == "Offline"
    values = {f"p{p}": facts[f"result_{p}.00_percentile_latency_ns"][-1] / 1e6 for p in (() if offline else PERCENTILES)}
    rates = ("result_samples_per_second", "result_completed_samples_per_sec", "result_qps_without_loadgen_overhead")
    rate = next((facts[name][-1] for name in rates if name in facts), None)
    verdict, reasons = facts["result_validity"][-1], ("result_invalid_reason", "early_stopping_result")
    why = " ".join(" ".join(str(facts[name][-1]) for name in reasons if name in facts).split()) if verdict != "VALID" else ""
    queries = facts["effective_min_sample_count" if offline else "result_query_count"][-1]
    return values | {"queries": queries, "pictures_a_second": rate, "verdict": verdict, "why": why}
