"""`fvit roofline`: the machine's ceilings, and each network in every session and precision beside eager fp32 and beside its ceiling."""

import argparse
from statistics import median

from rich.console import Console

from bench import arrangements, records, report, roofline, roofline_page, works
from bench.measure import SESSIONS, Workbench
from bench.records import Rows
from bench.timing import chosen, settled
from bench.works import WORKS
from runtime import plugins
from runtime.errors import FvitError

TABLE = "roofline"


def run(options: argparse.Namespace) -> int:
    """Measures what is missing at this commit, writes roofline.md and .csv, prints the page; 1 if a candidate failed parity."""
    console, rows = Console(), Rows(options.results / f"speed-{records.machine()}")
    if not options.from_rows:
        with settled():
            Rooflines(options, rows, console).all()
    found = of_each_work(rows.read())
    page, cells = roofline_page.render(found)
    report.publish(rows.folder, TABLE, page, cells, console)
    return int(any(row.get("word") == "ParityError" for row in found))


def of_each_work(rows: list[dict]) -> list[dict]:
    """The last row of each candidate of each work, with the head of its campaign: what is measured again does not unmake the rest."""
    records.latest(rows, TABLE)  # refuses a folder without any
    heads = [row["campaign"] for row in rows if row["kind"] == "campaign" and row["settings"].get("table") == TABLE]
    owner = {_what(row): name for name in heads for row in rows if row.get("campaign") == name and row["kind"] != "campaign"}
    shown = [row for row in rows if row.get("campaign") in owner.values()]
    return [row for row in shown if row["kind"] == "campaign" or owner[_what(row)] == row["campaign"]]


def _what(row: dict) -> tuple:
    """What a row measured: a candidate at a batch, or the growth or the arrangements of a work."""
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
            head = {"settings": self.settings, "environment": records.environment(), "ceilings": ceilings}
            self.rows.append({"kind": "campaign", "campaign": name} | head | {"bandwidth": roofline.bandwidth(self.device)})
        done = {(row["work"], row["session"], row["precision"], row["batch"]) for row in mine if row["kind"] == "pair"}
        for key in self.options.work:
            batches = self.options.batch or (WORKS[key].batch,)
            todo = [(*pair, batch) for pair in self._candidates() for batch in batches if (key, *pair, batch) not in done]
            if todo:
                self._work(name, key, todo)

    def _candidates(self) -> list[tuple[str, str]]:
        plugged = {session: plugins.load(SESSIONS, session).PRECISIONS for session in self.options.session}
        asked = {session: tuple(p for p in self.options.precision if p in found) for session, found in plugged.items()}
        return list(works.candidates(asked))

    def _work(self, name: str, key: str, todo: list[tuple[str, str, int]]) -> None:
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
        if work.kind == "classify_draws":
            self._growth(name, key, bench)
            self._arrangements(name, key, bench)

    def _growth(self, name: str, key: str, bench: Workbench) -> None:
        """Of the fastest candidate: whether a draw costs the same however many there are."""
        mine = [row for row in self.rows.read() if row.get("campaign") == name and row.get("work") == key and "seconds" in row]
        if mine:
            best = min(mine, key=lambda row: median(row["seconds"]) / row["batch"])
            self.console.print(f"seconds a draw, {works.GROWTH[0]} to {works.GROWTH[-1]:,} draws: {best['session']} {best['precision']}")
            facts = {"work": key, "session": best["session"], "precision": best["precision"]}
            self.rows.append(
                {"kind": "growth", "campaign": name} | facts | {"growth": works.growth(bench, best["session"], best["precision"])}
            )

    def _arrangements(self, name: str, key: str, bench: Workbench) -> None:
        """Of OpenVINO in its lowest floating precision asked for, if it was asked for and can run here."""
        mine = [precision for session, precision in self._candidates() if session == "openvino" and precision != "int8"]
        if not mine or plugins.load(SESSIONS, "openvino").available():
            return
        self.console.print(f"threads and requests of openvino {mine[-1]}", highlight=False)
        found = arrangements.measure(WORKS[key], mine[-1], self.options.pairs, bench)
        self.rows.append({"kind": "arrangements", "campaign": name, "work": key, "precision": mine[-1], "seconds": found})
