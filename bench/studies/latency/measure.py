"""Deployment latency: each run is one scenario in a process of its own, under a time limit.

LoadGen hangs on an unanswered query and nothing inside its process ends that, so the process is ended when its time is over; rows written
before are kept. Short runs on one machine are not MLPerf results and are not called so.
"""

import importlib.util
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from bench.records import child
from bench.records.campaign import Campaign, How, Plan
from bench.records.clock import settled, wall
from bench.records.rows import AnyRow, Served
from bench.records.store import Store
from bench.studies.latency.case import SHARE, STUDY, TARGET, Case, Checked, Job, LoadRun
from bench.worlds import world as worlds
from bench.worlds.defence import LARGEST
from bench.worlds.workbench import Engine, Workbench
from runtime.errors import FvitError
from runtime.maps import explain

SERVER = "bench.studies.latency.server:main"
PERCENTILES = (50, 90, 99)
KIND = "classify_draws"
RATES = ("result_samples_per_second", "result_completed_samples_per_sec", "result_qps_without_loadgen_overhead")


def available() -> str | None:
    """Why LoadGen cannot be used here."""
    if importlib.util.find_spec("mlperf_loadgen") is None:
        return "LoadGen is not installed; pip install 'fvit-bench[loadgen]'"
    return None


def measure(cases: Sequence[Case], explainers: Sequence[str], store: Store, console: Console, how: How) -> list[AnyRow]:
    """The rows of the campaign of `cases`, after what it lacked was measured. `explainers`: those that the cases ask for by name."""
    first = cases[0]
    engine, device = Engine(first.session, first.precision), torch.device(first.device)
    world = worlds.open("embedded")
    bench = Workbench(world, None, device, lambda line: console.print(line, style="dim", markup=False, highlight=False))
    for name in explainers:
        explain.build(name, bench.backbone)  # refuses an unknown option before anything is measured

    def head() -> dict[str, Any]:
        checked = Checked(str(engine), bench.load(engine, KIND).parity, LARGEST)
        return {"weights": bench.weights(), "facts": asdict(checked), "notes": world.notes()}

    settings = {"cases": [asdict(case) for case in cases]}
    with settled(), Campaign(store, Plan(STUDY, settings, head), console, how) as campaign:
        for case in campaign.each(cases, key=str):
            campaign.measure(str(case), partial(_measure, case, campaign, bench, engine), asdict(case))
    return campaign.rows


def _measure(case: Case, campaign: Campaign, bench: Workbench, engine: Engine) -> Served:
    artifact = bench.load(engine, KIND).artifact
    return row(case, serve(offered(case, campaign.of(Served)), artifact and artifact.folder), campaign.name)


def offered(case: Case, runs: Sequence[Served]) -> Case:
    """Sets the load and the target of a server run: those of the first server run with the same answer (merge sizes are compared at one load),
    else from that answer's single-stream run, else none: the process then estimates both in a short trial, which is less stable."""
    if case.scenario != "server":
        return case
    same = [(Case(**run.case), run) for run in runs]
    by_scenario = {made.scenario: run for made, run in reversed(same) if made.answer == case.answer}
    if run := by_scenario.get("server"):
        return replace(case, qps=case.qps or run.offered_per_second, target_p99=case.target_p99 or run.target_p99)
    if (run := by_scenario.get("single-stream")) and run.pictures_per_second:
        return replace(case, qps=case.qps or SHARE * run.pictures_per_second, target_p99=case.target_p99 or TARGET * run.percentiles["p50"])
    return case


def serve(case: Case, artifact: Path | None) -> LoadRun:
    """Runs `case` in its process, the session made from `artifact`, if it takes one; FvitError where the process failed or hung."""
    job = Job(case, artifact and str(artifact), wall(), loop=available() is not None)
    outcome = LoadRun(**child.call(SERVER, asdict(job), case.limit))
    if outcome.failure:
        raise FvitError(f"a query failed: {outcome.failure}")
    return outcome


def row(case: Case, outcome: LoadRun, campaign: str) -> Served:
    """The row of `case` as it was asked for; the load that was offered is a field of its own."""
    verdict = from_loop(outcome.latencies or []) if outcome.log is None else from_log(outcome.log)
    return Served(
        campaign=campaign, key=str(case), case=asdict(case), **verdict, answers=outcome.answers, labels=outcome.labels, merged=outcome.merged,
        cold_start_seconds=outcome.cold_start_seconds, resident_begin=outcome.resident_begin, resident_end=outcome.resident_end,
        peak_bytes=outcome.peak_bytes, offered_per_second=outcome.offered_per_second, target_p99=outcome.target_p99, facts=outcome.facts,
    )  # fmt: skip


def from_loop(latencies: Sequence[float]) -> dict[str, Any]:
    """Percentiles of the loop without LoadGen, as fields of a row."""
    percentiles = {f"p{p}": float(np.percentile(latencies, p)) * 1e3 for p in PERCENTILES}
    rate = len(latencies) / sum(latencies)
    return _verdict(percentiles, len(latencies), rate, "none", available() or "")


def from_log(log: dict[str, list]) -> dict[str, Any]:
    """LoadGen's verdict and figures, as fields of a row. Offline all queries come at once, so a percentile would measure its length only."""
    if "result_validity" not in log:
        raise FvitError(f"LoadGen's log has no verdict ({len(log)} keys); the run ended before its end")
    offline = log["effective_scenario"][-1] == "Offline"
    percentiles = {f"p{p}": log[f"result_{p}.00_percentile_latency_ns"][-1] / 1e6 for p in (() if offline else PERCENTILES)}
    rate = next((log[name][-1] for name in RATES if name in log), None)
    verdict, reasons = log["result_validity"][-1], ("result_invalid_reason", "early_stopping_result")
    why = " ".join(" ".join(str(log[name][-1]) for name in reasons if name in log).split()) if verdict != "VALID" else ""
    queries = log["effective_min_sample_count" if offline else "result_query_count"][-1]
    return _verdict(percentiles, queries, rate, verdict, why)


def _verdict(percentiles: dict[str, float], queries: int, rate: float | None, verdict: str, why: str) -> dict[str, Any]:
    return {"percentiles": percentiles, "queries": queries, "pictures_per_second": rate, "verdict": verdict, "why": why}
