"""`fvit table`: measures what is missing, writes and prints a table."""

import argparse
from pathlib import Path

from rich.console import Console

from bench.commands import _tables as report
from bench.options import GRIDS, TIMED
from bench.protocols import Table
from bench.records.clock import settled
from bench.records.rows import Rows
from bench.studies.draws import campaign
from bench.studies.draws.campaign import Options
from bench.trials import campaign as tabling
from bench.trials.campaign import How
from bench.trials.grid import Grid
from bench.trials.run import Looker
from bench.trials.scene import Settings
from bench.worlds.sources import Embedded, Files, Source
from bench.worlds.workbench import chosen
from bench.worlds.world import WorldOptions
from runtime import plugins
from runtime.errors import FvitError

QUICK = 8  # pictures a cell


def run(options: argparse.Namespace) -> int:
    """Measures what is missing, writes and prints the tables; 1 if a cell failed."""
    console = Console()
    if options.number == TIMED:
        return _timed(options, console)
    numbers = GRIDS if options.number == "all" else (options.number,)
    grids = [plugins.load("bench.tables", f"table{number}").TABLE for number in numbers]
    rows, campaign_name = Rows(tabling.folder(options.results, options.world)), None
    if not options.from_rows:
        source, settings = _source(options), _settings(options)
        device = chosen(options.device or ("cpu" if options.world == Embedded.name else None)).type
        looker = Looker(lambda line: console.print(f"[dim]{line}[/dim]", highlight=False), source, device)
        with settled():
            if options.dry_run:
                tabling.plan(grids, settings, looker, console)
                return 0
            campaign_name = tabling.measure(grids, settings, rows, looker, console, How(options.fresh, options.shard))
        if options.shard:
            told = "{} of {}".format(*options.shard)
            console.print(f"shard {told} is in {rows.path}; when all are measured: fvit merge", highlight=False, soft_wrap=True)
            return 0
    failed = sum(_show(grid, rows.folder, console, campaign_name) for grid in grids)
    failed += _timed(options, console) if options.number == "all" else 0
    return 1 if failed else 0


def _settings(options: argparse.Namespace) -> Settings:
    data, checkpoints = (tuple(getattr(options, name)) for name in ("data", "checkpoint"))
    return Settings(QUICK if options.quick else options.n, options.preset, options.seed, options.world, data, checkpoints, options.long)


def _source(options: argparse.Namespace) -> Source:
    """The embedded world, or what the user's options name."""
    if options.world == Embedded.name:
        return Embedded()
    return Files(options.checkpoint, options.data, options.classes, options.denoiser_weights, options.head_channels)


def _timed(options: argparse.Namespace, console: Console) -> int:
    wanted, found = measure_options(options), plugins.load("bench.tables", f"table{TIMED}").TABLE
    if not options.from_rows:
        console.print(
            f"table {found.number}, world {wanted.world.name}: sessions {', '.join(wanted.sessions)} on {wanted.device}", highlight=False
        )
        with settled():
            found.measure(wanted, console, options.fresh)
    return _show(found, campaign.folder(wanted), console)


def _show(table: Table | Grid, folder: Path, console: Console, campaign_name: str | None = None) -> int:
    """Writes and prints one table; how many of its cells failed."""
    rendered = report.write(table, folder, campaign_name)
    report.show(rendered, console)
    console.print(f"written: {folder}/table{table.number}.*, rows.jsonl, environment.json", highlight=False, soft_wrap=True)
    failed = [cell for cell in rendered.cells if cell["word"] not in ("measured", "computed", "not defined", "left out", tabling.NOT_HERE)]
    for cell in failed[:3]:
        name = cell["row"] if "row" in cell else f"{cell['session']} {cell['denoise']} {cell['sigma']}/255"
        console.print(f"[red]no number:[/red] {name}: {cell['reason']}", highlight=False)
    return len(failed)


def measure_options(options: argparse.Namespace) -> Options:
    """The campaign's options, with the world's own defaults where nothing was said."""
    world = world_options(options)
    device = chosen(options.device).type
    slow = world.name == "paper" and device == "cpu"
    rules = options.rule or (("per-step",) if slow else ("cumulative", "per-step"))
    defaults = {"draws": 10, "rounds": 6, "chain_rounds": 2, "budget": 4.0}
    if slow:
        defaults = {"draws": 1, "rounds": 3, "chain_rounds": 1, "budget": 300.0}
    given = {name: getattr(options, name) for name in defaults if getattr(options, name) is not None}
    numbers = defaults | given
    if bad := [f"--{name.replace('_', '-')} {value}" for name, value in {**numbers, "images": options.images}.items() if value <= 0]:
        raise FvitError(f"{', '.join(bad)}: a number above 0 is wanted")
    return Options(
        world,
        options.session,
        options.precision,
        rules,
        options.denoise,
        seed=options.seed,
        device=device,
        results=options.results,
        **numbers,
    )


def world_options(options: argparse.Namespace) -> WorldOptions:
    return WorldOptions(
        options.world, options.backbone, options.weights, options.classes, options.denoiser_weights, options.head_channels,
        options.pictures, getattr(options, "images", 1),
    )  # fmt: skip
