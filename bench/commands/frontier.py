"""`fvit frontier`: accuracy, certificates and maps against cost, for sessions, precisions, denoisers and numbers of draws."""

import argparse
from dataclasses import asdict
from itertools import product

import pandas as pd
from rich.console import Console

from bench.pages import page as report
from bench.records import machine
from bench.records import rows as records
from bench.records.clock import settled
from bench.records.rows import Rows
from bench.studies.frontier import page as frontier_page
from bench.studies.frontier.measure import Frontier, Point
from bench.worlds.workbench import Workbench, chosen, usable
from bench.worlds.world import WorldOptions, build
from runtime.errors import FvitError

TABLE = "frontier"


def run(options: argparse.Namespace) -> int:
    """Measures what is missing at this commit, writes frontier.md, .csv and .png, prints the page; 1 if a setting failed that could have run."""
    console, rows = Console(), Rows(options.results / f"embedded-{machine.machine()}")
    if not options.from_rows:
        if "session" in options.given:
            usable(options.session)
        with settled():
            measure(options, rows, console)
    found = latest(rows)
    page, cells = frontier_page.render(found)
    report.publish(rows.folder, TABLE, page, pd.DataFrame(cells), console, lambda path: frontier_page.plot(cells, path))
    return int(any(map(records.failed, found)))


def latest(rows: Rows) -> list[dict]:
    """The rows of the last campaign, of each setting the last."""
    return records.last_of_each(records.latest(rows.read(), TABLE), _point)


def _point(row: dict) -> Point | None:
    """What a row measured; None: it is the head of the campaign."""
    return Point(row["session"], row["precision"], row["denoise"]) if row["kind"] == "point" else None


def points(options: argparse.Namespace) -> list[Point]:
    """Every session in every precision, one-shot; the other denoisers in the first session and precision."""
    engines = list(product(options.session, options.precision))
    found = [Point(*engine, "one_shot") for engine in engines if "one_shot" in options.denoise]
    return found + [Point(*engines[0], name) for name in options.denoise if name != "one_shot"]


def measure(options: argparse.Namespace, rows: Rows, console: Console) -> None:
    """One setting after another, each row on the disk before the next begins."""
    wanted, before, device = points(options), rows.read(), chosen(options.device)
    settings = {"table": TABLE, "n": options.n, "device": device.type, "points": [asdict(point) for point in wanted]}
    name = records.campaign([] if options.fresh else before, settings)
    mine = [row for row in before if row.get("campaign") == name]
    done = [_point(row) for row in mine if not records.failed(row)]
    todo = [point for point in wanted if point not in done]
    if not todo:
        return
    bench = Workbench(build(WorldOptions()), device, lambda line: console.print(f"[dim]{line}[/dim]", highlight=False))
    if not mine:
        weights = bench.network("classify_draws", "fp32").weights
        rows.append({"kind": "campaign", "campaign": name, "settings": settings, "environment": machine.environment(), "weights": weights})
    measured = Frontier(bench, options.n)
    for number, point in enumerate(todo, 1):
        console.print(f"setting {number} of {len(todo)}: {point.session} {point.precision}, {point.denoise}", highlight=False)
        row = {"kind": "point", "campaign": name} | asdict(point)
        try:
            row |= measured.measure(point)
        except FvitError as error:
            row |= {"reason": str(error), "word": type(error).__name__}
        rows.append(row)
