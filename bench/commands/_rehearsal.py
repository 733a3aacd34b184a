"""What `fvit table --rehearse` does: every table in small, its page, and Table 3's shortest rounds."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.commands import _table3
from bench.commands._options import GRIDS, TIMED
from bench.pages.page import publish
from bench.records.campaign import latest
from bench.records.clock import settled
from bench.records.rows import Failed, Why
from bench.records.store import Store
from bench.trials import plan, rehearse
from bench.trials.grid import Grid
from bench.trials.page import render, stem, tables
from bench.trials.rehearsal_page import NAME
from bench.trials.rehearsal_page import render as rehearsal
from bench.trials.run import Runner
from bench.worlds import world as worlds
from bench.worlds.data import _small
from bench.worlds.workbench import device

if TYPE_CHECKING:
    from bench.commands._table import TableRequest
    from bench.worlds.world import Brought

OTHERS = ("figure3", "noise", "explainers", "fuses")  # tables without a number that run in every world
SHORT = {"draws": 1, "rounds": 1, "chain_rounds": 1, "budget": 0.001}  # of Table 3: every chain is computed


def run(wanted: "TableRequest", console: Console) -> int:
    """Rows and pages lie in the results folder's own `rehearsal`; how many trials failed."""
    whole = wanted.results.store(wanted.networks.world, console)
    store, known = Store(whole.folder / NAME, whole.say), tables()
    names = (*GRIDS, *OTHERS) if wanted.number == "all" else () if wanted.number == TIMED else (wanted.number,)
    grids, failed = [known[name] for name in names], 0
    if wanted.counted.dry_run or not wanted.results.from_rows:
        failed = _trials(wanted, grids, store, console)
    if wanted.counted.dry_run:
        return failed
    if grids:
        failed = _show(grids, store, console)
    return failed + (_timed(wanted, store, console) if wanted.number in (TIMED, "all") else 0)


def _trials(wanted: "TableRequest", grids: Sequence[Grid], store: Store, console: Console) -> int:
    """Measures, or says what would be; its networks leave the memory when it returns, before Table 3 builds its own."""
    from bench.commands._table import settings_of

    with tempfile.TemporaryDirectory() as folder, settled():
        brought = _with_files(wanted.networks.brought(wanted.own), wanted.networks.world, Path(folder))
        runner = Runner(worlds.open(wanted.networks.world, brought), store.say, device(wanted.device).type)
        settings = replace(settings_of(wanted), n=1, rehearsal=True, data=tuple(brought.data))
        if wanted.counted.dry_run:
            return plan.show(grids, settings, runner, console)
        if grids:
            rehearse.rehearse(grids, settings, store, runner, console, wanted.results.how())
        return 0


def _with_files(brought: "Brought", world: str, folder: Path) -> "Brought":
    """In the world `paper` small files of each data set that was not given; random weights may answer."""
    if world != "paper":
        return brought
    small = _small.write(folder, [name for name in _small.NAMES if name not in brought.data])
    return replace(brought, data={**brought.data, **small}, rehearsal=True)


def _show(grids: Sequence[Grid], store: Store, console: Console) -> int:
    """Writes the tables' own pages, silently, and the rehearsal's; how many trials failed."""
    rows = latest(store.read(), rehearse.STUDY)
    for grid in grids:
        publish(store.folder, stem(grid), render(grid, rows), Console(quiet=True))
    publish(store.folder, NAME, rehearsal(grids, rows), console)
    broken = [row for row in rows if isinstance(row, Failed) and row.missing.why == Why.FAILED]
    for row in broken[:3]:
        console.print(f"[red]failed:[/red] {row.subject.get('backbone', '')}: {row.missing.reason}", highlight=False)
    return len(broken)


def _timed(wanted: "TableRequest", store: Store, console: Console) -> int:
    """Table 3 by its shortest rounds in the last session asked for (by default ort, whose files are there by now); every chain is computed."""
    timed = replace(wanted.timed, session=wanted.timed.session[-1:], **SHORT)
    return _table3.run(replace(wanted, timed=timed), console, store)
