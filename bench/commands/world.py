"""What the embedded world's networks and their defence can do.

Accuracy of each network, clean and attacked, with and without the defence,
noise level by noise level; the gain of the denoiser; how good maps are.
Writes world.md, .csv and .png, and pictures of the data.

500 pictures of each task take about an hour on 2 cores; a run that was
stopped goes on where it was.

Examples:
  fvit world --images 20
  fvit world --sigma 48 --for 30min
  fvit world --from-rows
"""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from bench.commands._options import Results
from bench.commands._types import Positive, Real

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.pages.page import Page
    from bench.records.rows import AnyRow
    from bench.trials.grid import Grid
    from bench.worlds.workbench import Workbench


def run(
    *,
    images: Annotated[Positive, Parameter(help="test pictures of each task")] = 500,
    sigma: Annotated[
        Real | None, Parameter(help="the defence's noise, of 255", show_default="the world's own, chosen on the validation split")
    ] = None,
    results: Results = Results(),
) -> int:
    """Measures what is missing, writes the page and its pictures and prints it; 1 if a trial failed."""
    from rich.console import Console

    from bench.pages.page import publish
    from bench.records.campaign import latest, select
    from bench.records.clock import settled
    from bench.records.rows import Failed, Why
    from bench.studies.denoiser import measure as gains
    from bench.trials import measure as trials
    from bench.trials.run import Runner
    from bench.trials.settings import Settings
    from bench.worlds import world as worlds
    from runtime import plugins

    console, world = Console(), worlds.open("embedded")
    grid = plugins.load("bench.tables", "world").TABLE
    runner = Runner(world, lambda line: console.print(f"[dim]{line}[/dim]", highlight=False))
    store, bench = results.store(world.name, console), runner.bench(world.scene.main)
    with settled():
        if results.from_rows:
            rows = store.read()
            gained, answered = latest(rows, gains.STUDY), grid.latest(rows)
        else:
            first = gains.measure(bench, images, store, console, results.how())
            settings = Settings(n=images, sigma=None if sigma is None else sigma / 255)
            second = trials.measure([grid], settings, store, runner, console, results.how())
            gained, answered = (select(store.read(), campaign) for campaign in (first, second))
        publish(store.folder, "world", _page(grid, answered, gained, bench), console)
    return int(any(isinstance(row, Failed) and row.missing.why == Why.FAILED for row in (*gained, *answered)))


def _page(grid: "Grid", answered: "Sequence[AnyRow]", gained: "Sequence[AnyRow]", bench: "Workbench") -> "Page":
    """The table of trials, the denoiser's section, and pictures of the data."""
    from bench.pages.page import Page
    from bench.records.rows import Answered
    from bench.studies.denoiser import page as denoiser
    from bench.studies.denoiser import pictures
    from bench.trials.page import render

    table, section = render(grid, answered), denoiser.render(gained)
    minutes = sum(row.seconds for row in answered if isinstance(row, Answered)) / 60
    plots = table.plots | {"samples.png": pictures.samples(bench), "denoised.png": pictures.denoised(bench)}
    markdown = f"{table.markdown}\n{section.markdown}\nThe trials took {minutes:.0f} minutes.\n"
    return Page(markdown, [*table.cells, *section.cells], plots, f"{table.summary}\n{section.markdown}")
