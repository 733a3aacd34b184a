"""What `fvit table` does: measures what is missing, writes and prints tables."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.console import Console

from bench.commands._options import GRIDS, TIMED, Networks, OwnData, Results
from bench.pages.page import publish
from bench.records.campaign import head_of, select
from bench.records.clock import settled
from bench.records.rows import AnyRow, Failed, Why
from bench.records.store import Store
from bench.trials import cost, measure, plan
from bench.trials.grid import Grid
from bench.trials.page import render, stem, tables
from bench.trials.run import Runner
from bench.trials.settings import Settings
from bench.trials.whole import Coverage
from bench.worlds import world as worlds
from bench.worlds.workbench import device

if TYPE_CHECKING:
    from bench.commands.table import Counted, TimingOptions

QUICK = 8  # pictures per cell


@dataclass(frozen=True)
class TableRequest:
    """The options of `fvit table` for table `number`, or all."""

    number: str
    seed: int
    device: str | None
    counted: "Counted"
    timed: "TimingOptions"
    networks: Networks
    own: OwnData
    results: Results


def run(wanted: TableRequest) -> int:
    """Measures what is missing, writes and prints the tables; 1 if something failed."""
    console = Console()
    if wanted.counted.rehearse:
        from bench.commands import _rehearsal

        return 1 if _rehearsal.run(wanted, console) else 0
    failed = 0 if wanted.number == TIMED else _trials(wanted, console)
    if wanted.number in (TIMED, "all") and not wanted.counted.dry_run and not wanted.counted.shard:
        from bench.commands import _table3

        failed += _table3.run(wanted, console)
    return 1 if failed else 0


def _trials(wanted: TableRequest, console: Console) -> int:
    """The tables of trials; how many trials failed."""
    counted, results, networks = wanted.counted, wanted.results, wanted.networks
    known = tables()
    grids = [known[name] for name in (GRIDS if wanted.number == "all" else (wanted.number,))]
    store, campaign = results.store(networks.world, console), None
    if not results.from_rows:
        world = worlds.open(networks.world, networks.brought(wanted.own))
        # on the embedded world a GPU saves little and its votes differ in the last bit from those of the machines that measured it
        chosen = device(wanted.device or (None if world.slow_on("cpu") else "cpu"))
        runner = Runner(world, lambda line: console.print(f"[dim]{line}[/dim]", highlight=False), chosen.type)
        with settled():
            if counted.dry_run:
                return plan.show(grids, settings_of(wanted), runner, console)
            campaign = measure.measure(grids, settings_of(wanted), store, runner, console, replace(results.how(), shard=counted.shard))
        if counted.shard:
            told = "{} of {}".format(*counted.shard)
            console.print(f"shard {told} is in {store.path}; when all are measured: fvit merge", highlight=False, soft_wrap=True)
            return 0
    return show(grids, store, console, campaign)


def show(grids: Sequence[Grid], store: Store, console: Console, campaign: str | None = None) -> int:
    """Writes and prints tables, of one campaign or of the newest that holds each; how many trials failed."""
    rows = store.read()
    failed: dict[str, Failed] = {}
    for grid in grids:
        own = select(rows, campaign) if campaign else grid.latest(rows)
        publish(store.folder, stem(grid), render(grid, own), console)
        failed |= failures(grid, own)
    for row in list(failed.values())[:3]:
        console.print(f"[red]failed:[/red] {row.subject.get('backbone', '')}: {row.missing.reason}", highlight=False)
    return len(failed)


def failures(grid: Grid, rows: Sequence[AnyRow]) -> dict[str, Failed]:
    """The trials and timings of a table that failed and could be measured here, by key; without those that were measured completely since."""
    coverage = Coverage(rows)
    keys = {trial.key for trial in grid.trials(Settings.read(head_of(rows).settings)) if not coverage.whole(trial)}
    found = {row.key.partition("/")[0]: row for row in rows if isinstance(row, Failed) and row.missing.why == Why.FAILED}
    timed = {cost.key(question) for question in grid.costs(Settings.read(head_of(rows).settings))}
    untimed = {row.key: row for row in rows if isinstance(row, Failed) and row.missing.why == Why.FAILED and row.key in timed}
    return {key: row for key, row in found.items() if key in keys} | untimed


def settings_of(wanted: TableRequest) -> Settings:
    counted, brought = wanted.counted, wanted.networks.brought(wanted.own)
    return Settings(
        QUICK if counted.quick else counted.n, counted.preset, wanted.seed, wanted.networks.world, tuple(brought.data),
        tuple(brought.checkpoints), counted.long, None, counted.explainer, counted.attack,
    )  # fmt: skip
