"""`fvit latency`: what a service that answers with DDS would take, scenario by scenario, on the embedded world."""

import argparse
import json
from dataclasses import asdict, replace
from itertools import product

import torch
from rich.console import Console

from bench.costs import ANSWERS
from bench.pages import page as report
from bench.records import machine
from bench.records import rows as records
from bench.records.clock import settled
from bench.records.rows import Rows
from bench.studies.latency import measure as latency
from bench.studies.latency import page as latency_page
from bench.studies.latency.measure import Case
from bench.studies.latency.server import SHARE, TARGET
from bench.worlds.defence import LARGEST
from bench.worlds.workbench import Workbench, chosen, usable
from bench.worlds.world import WorldOptions, build
from runtime import plugins
from runtime.errors import FvitError, SessionUnavailable
from runtime.maps import explain

TABLE = "latency"


def run(options: argparse.Namespace) -> int:
    """Measures what is missing at this commit, writes latency.md and .csv, prints the page; 1 if a run failed."""
    console, rows = Console(), Rows(options.results / f"embedded-{machine.machine()}")
    if not options.from_rows:
        with settled():
            measure(cases(options), rows, console, options.fresh)
    found = records.last_of_each(records.latest(rows.read(), TABLE), lambda row: json.dumps(row.get("case")))
    page, cells = latency_page.render(found, LARGEST)
    report.publish(rows.folder, TABLE, page, cells, console)
    return int(any("reason" in row for row in found))


def cases(options: argparse.Namespace) -> list[Case]:
    """Every scenario with every answer; requests are merged where several can wait."""
    usable((options.session,))
    has = plugins.load("runtime.sessions", options.session).PRECISIONS
    if options.precision not in has:
        raise SessionUnavailable(f"session {options.session} has no {options.precision}; it has {', '.join(has)}")
    if (why := latency.available()) and set(options.scenario) != {"single-stream"}:
        raise FvitError(f"{why}; without it --scenario single-stream runs, as a plain loop")
    device = chosen(options.device).type
    found = []
    for scenario, answer in product(options.scenario, options.answer):
        for merge in (1,) if scenario == "single-stream" else options.merge:
            found.append(
                Case(scenario, answer, merge, options.session, options.precision, options.draws, options.seconds, options.qps,
                     options.target_p99, device, options.limit)
            )  # fmt: skip
    return found


def measure(wanted: list[Case], rows: Rows, console: Console, fresh: bool) -> None:
    """One run after another, each row on the disk before the next begins; what this campaign has already is left."""
    before, first = rows.read(), wanted[0]
    bench = Workbench(build(WorldOptions()), torch.device(first.device), lambda line: console.print(f"[dim]{line}[/dim]", highlight=False))
    for answer in {case.answer for case in wanted} - set(ANSWERS):
        explain.build(answer, bench.world.backbone)  # refuses an unknown option before anything is measured
    loaded = bench.load(first.session, first.precision, "classify_draws")
    settings = {"table": TABLE, "session": f"{first.session} {first.precision}", "cases": [asdict(case) for case in wanted]}
    name = records.campaign([] if fresh else before, settings)
    mine = [row for row in before if row.get("campaign") == name]
    if not mine:
        head = {"settings": settings, "environment": machine.environment(), "parity": loaded.parity}
        weights = bench.network("classify_draws", "fp32").weights
        rows.append({"kind": "campaign", "campaign": name} | head | {"weights": weights})
    done = [row["case"] for row in mine if row["kind"] == "latency" and "reason" not in row]
    for number, case in enumerate(wanted, 1):
        if asdict(case) in done:
            continue
        with console.status(f"run {number} of {len(wanted)}: {case.scenario}, {case.answer}, {case.draws} draws, merging {case.merge}"):
            try:
                found = latency.run(_loaded(case, mine), loaded.artifact and loaded.artifact.folder)
            except FvitError as error:
                found = {"reason": str(error), "word": type(error).__name__}
        mine.append({"kind": "latency", "campaign": name, "case": asdict(case)} | found)
        rows.append(mine[-1])


def _loaded(case: Case, measured: list[dict]) -> Case:
    """A `server` case at the load of its answer's first such run, so that merging is compared at one load; else by its single stream.

    Where neither was measured the child finds a load by a trial of a second, in which a machine may be faster or slower than after it.
    """
    runs = [row for row in measured if row["kind"] == "latency" and "reason" not in row and row["case"]["answer"] == case.answer]
    found = {row["case"]["scenario"]: row for row in reversed(runs)}
    if case.scenario == "server" and "server" in found:
        return replace(case, qps=case.qps or found["server"]["qps"], target_p99=case.target_p99 or found["server"]["target_p99"])
    if case.scenario == "server" and (single := found.get("single-stream")):
        return replace(case, qps=case.qps or SHARE * single["pictures_a_second"], target_p99=case.target_p99 or TARGET * single["p50"])
    return case
