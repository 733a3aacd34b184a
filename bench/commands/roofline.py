"""`fvit roofline`: the machine's ceilings, and each network in every session and precision beside eager fp32 and beside its ceiling."""

import argparse
from itertools import product
from statistics import median

from rich.console import Console

from bench.pages import page as report
from bench.records import ceilings as roofline
from bench.records import machine
from bench.records import rows as records
from bench.records.clock import settled
from bench.records.rows import Rows
from bench.studies.roofline import networks as works
from bench.studies.roofline import page as roofline_page
from bench.studies.roofline import threads as arrangements
from bench.studies.roofline.networks import WORKS
from bench.worlds.workbench import SESSIONS, Workbench, chosen
from runtime import plugins
from runtime.errors import FvitError

TABLE = "roofline"
GROWTH, ARRANGEMENTS = "growth", "arrangements"  # rows of the fused draw, after its candidates


def run(options: argparse.Namespace) -> int:
    """Measures what is missing at this commit, writes roofline.md and .csv, prints the page; 1 if a candidate failed that could have run."""
    console, rows = Console(), Rows(options.results / f"speed-{machine.machine()}")
    if not options.from_rows:
        with settled():
            Rooflines(options, rows, console).all()
    found = of_each_work(rows.read())
    page, cells = roofline_page.render(found)
    report.publish(rows.folder, TABLE, page, cells, console)
    return int(any(map(records.failed, found)))


def of_each_work(rows: list[dict]) -> list[dict]:
    """The last row of each candidate of each work, with the head of its campaign: what is measured again does not unmake the rest."""
    records.latest(rows, TABLE)  # refuses a folder without any
    heads = [row["campaign"] for row in rows if row["kind"] == "campaign" and row["settings"].get("table") == TABLE]
    owner = {_what(row): name for name in heads for row in rows if row.get("campaign") == name and row["kind"] != "campaign"}
    shown = [row for row in rows if row.get("campaign") in owner.values()]
    return records.last_of_each([row for row in shown if row["kind"] == "campaign" or owner[_what(row)] == row["campaign"]], _what)


def _what(row: dict) -> tuple:
    """What a row measured: a candidate at a batch, or the growth or the arrangements of a work."""
    if row["kind"] == "campaign":
        return row["kind"], row["campaign"]
    return row["kind"], row["work"], *(row[name] for name in ("session", "precision", "batch") if row["kind"] == "pair")


class Rooflines:
    """One campaign: ceilings first, then one candidate after another, each row on the disk before the next begins."""

    def __init__(self, options: argparse.Namespace, rows: Rows, console: Console):
        self.options, self.rows, self.console = options, rows, console
        self.device = chosen(options.device)
        self.settings = {
            "table": TABLE, "device": self.device.type, "pairs": options.pairs, "works": list(options.work),
            "batch": options.batch and list(options.batch), "sessions": list(options.session), "precisions": list(options.precision),
        }  # fmt: skip

    def all(self) -> None:
        before = self.rows.read()
        name = records.campaign([] if self.options.fresh else before, self.settings)
        mine = [row for row in before if row.get("campaign") == name]
        if not mine:
            asked = dict.fromkeys((works.REFERENCE[1], *self.options.precision))
            ceilings = {precision: roofline.ceiling(precision, self.device) for precision in asked}
            head = {"settings": self.settings, "environment": machine.environment(), "ceilings": ceilings}
            self.rows.append({"kind": "campaign", "campaign": name} | head | {"bandwidth": roofline.bandwidth(self.device)})
        done = {_what(row) for row in mine if not records.failed(row)}
        for key in self.options.work:
            pairs = [(*pair, batch) for pair in self._candidates() for batch in self.options.batch or (WORKS[key].batch,)]
            todo = [one for one in pairs if ("pair", key, *one) not in done]
            more = [kind for kind in (GROWTH, ARRANGEMENTS) if WORKS[key].kind == "classify_draws" and (kind, key) not in done]
            if todo or more:
                self._work(name, key, todo, more)

    def _candidates(self) -> list[tuple[str, str]]:
        return [pair for pair in product(self.options.session, self.options.precision) if pair != works.REFERENCE]

    def _work(self, name: str, key: str, todo: list[tuple[str, str, int]], more: list[str]) -> None:
        work = WORKS[key]
        bench = Workbench(work.world(), self.device, lambda line: self.console.print(f"[dim]{line}[/dim]", highlight=False))
        for number, (session, precision, batch) in enumerate(todo, 1):
            self.console.print(f"{work.title}, batch {batch}: {session} {precision} ({number} of {len(todo)})", highlight=False)
            row = {"kind": "pair", "campaign": name, "work": key, "batch": batch, "session": session, "precision": precision}
            try:
                row |= works.measure(work, (session, precision), batch, self.options.pairs, bench)
            except FvitError as error:
                row |= {"reason": str(error), "word": type(error).__name__}
            self.rows.append(row)
            if not any(following[:2] == (session, precision) for following in todo[number:]):
                bench.forget(session, precision, work.kind)
        for kind in more:
            try:
                found = {GROWTH: self._growth, ARRANGEMENTS: self._arrangements}[kind](name, key, bench)
            except FvitError as error:
                found = {"reason": str(error), "word": type(error).__name__}
            if found:
                self.rows.append({"kind": kind, "campaign": name, "work": key} | found)

    def _growth(self, name: str, key: str, bench: Workbench) -> dict | None:
        """Of the fastest candidate: whether a draw costs the same however many there are."""
        rows = [row for row in self.rows.read() if row.get("campaign") == name and row["kind"] == "pair"]
        mine = [row for row in rows if row["work"] == key and "seconds" in row]
        if not mine:
            return None
        best = min(mine, key=lambda row: median(row["seconds"]) / row["batch"])
        self.console.print(f"seconds a draw, {works.GROWTH[0]} to {works.GROWTH[-1]:,} draws: {best['session']} {best['precision']}")
        engine = {"session": best["session"], "precision": best["precision"]}
        return engine | {"growth": works.growth(bench, **engine)}

    def _arrangements(self, name: str, key: str, bench: Workbench) -> dict | None:
        """Of OpenVINO in its lowest floating precision asked for, if it was asked for and can run here."""
        plugin = plugins.load(SESSIONS, "openvino")
        mine = [p for session, p in self._candidates() if session == "openvino" and p in plugin.PRECISIONS and p != "int8"]
        if not mine or plugin.available():
            return None
        self.console.print(f"threads and requests of openvino {mine[-1]}", highlight=False)
        return {"precision": mine[-1], "seconds": arrangements.measure(WORKS[key], mine[-1], self.options.pairs, bench)}
