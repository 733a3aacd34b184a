"""Every page that a results folder's rows can give, made again from them: what the report shows and what two folders are compared by."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.pages.page import Page
from bench.records.campaign import head_of, latest
from bench.records.rows import Answered, AnyRow, Failed, Head, Machine
from bench.records.store import Store
from bench.studies.certify import check_page as check
from bench.studies.certify import page as certify
from bench.studies.certify.settings import CHECK
from bench.studies.certify.settings import study as certificates
from bench.studies.denoiser import measure as denoiser
from bench.studies.denoiser import page as gains
from bench.studies.draws import page as draws
from bench.studies.draws import run as timed
from bench.studies.frontier import page as frontier
from bench.studies.frontier import settings as priced
from bench.studies.latency import case as served
from bench.studies.latency import page as latency
from bench.studies.roofline import networks as roofs
from bench.studies.roofline import page as roofline
from bench.trials.grid import STUDY as TRIALS
from bench.trials.grid import Grid
from bench.trials.page import render, tables
from bench.trials.settings import Settings

Rows = Sequence[AnyRow]


@dataclass(frozen=True)
class MeasuredPage:
    """A page, and the rows that it was made from."""

    name: str
    page: Page
    rows: Rows


def pages(store: Store, drawn: bool = True) -> list[MeasuredPage]:
    """Of each table and study that was measured here its newest campaign, tables first; tables without plots unless `drawn`."""
    rows = store.read()
    studies = {row.study for row in rows if isinstance(row, Head)}
    return [*(_tables(rows, drawn) if TRIALS in studies else ()), *_studies(rows, studies)]


def _tables(rows: Rows, drawn: bool) -> Iterator[MeasuredPage]:
    """Those of which any cell was measured."""
    for grid in tables().values():
        own = grid.latest(rows)
        measured = {row.key.partition("/")[0] for row in own if isinstance(row, Answered)}
        if any(trial.key in measured for trial in grid.trials(Settings.read(head_of(own).settings))):
            yield MeasuredPage(_name(grid), render(grid, own, drawn), own)


def _name(grid: Grid) -> str:
    return f"Table {grid.name}" if grid.name.isdigit() else grid.title


def _studies(rows: Rows, studies: set[str]) -> Iterator[MeasuredPage]:
    made: dict[str, tuple[str, Callable[[Rows], Page]]] = {
        "Table 3": (timed.STUDY, draws.render),
        "The denoiser": (denoiser.STUDY, gains.render),
        "Certificates": (certificates(False), certify.render),
        "Certificates, adaptive draws": (certificates(True), certify.render),
        "Definition 4.2": (CHECK, check.render),
        "Roofline": (roofs.STUDY, roofline.render),
        "Frontier": (priced.STUDY, frontier.render),
        "Deployment latency": (served.STUDY, latency.render),
    }
    for name, (study, show) in made.items():
        if study in studies:
            own = roofline.newest(rows) if study == roofs.STUDY else latest(rows, study, _measured)
            if _measured(own):
                yield MeasuredPage(name, show(own), own)


def _measured(rows: Rows) -> bool:
    """Whether a campaign came further than its first rows."""
    return any(not isinstance(row, Head | Machine | Failed) for row in rows)
