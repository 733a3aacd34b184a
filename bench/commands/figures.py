"""The paper's figures on the embedded world.

Each is a PNG with the numbers behind it (.csv, .npz) and what made them
(.json), in the machine's folder of --results. Figure 3 is curves, measured as
fvit table figure3 does; the others are panels of maps.

A panel takes about a minute on 2 cores; for Figure 3 see
fvit table figure3 --dry-run.

Examples:
  fvit figures 1 --picture 2,7
  fvit figures 3 --n 20
  fvit figures
"""

from typing import Annotated

from cyclopts import Parameter

from bench.commands._options import FIGURES, Preset, Results
from bench.commands._types import Indices, Positive, Seed, name_of
from runtime.errors import FvitError

CURVES = "3"  # the figure that is a table of trials
Number = Annotated[str, Parameter(converter=name_of("figure", (*FIGURES, "all")), help=f"which figure: {', '.join(FIGURES)} or all")]


def run(
    number: Number = "all",
    /,
    *,
    picture: Annotated[Indices, Parameter(help="numbers in the test split, for the panels")] = (2, 3),
    n: Annotated[Positive, Parameter(help="test pictures of each point of Figure 3")] = 50,
    preset: Preset = "corrected",
    seed: Seed = 0,
    results: Results = Results(),
) -> int:
    """Draws one figure or all; 1 if a point failed."""
    from rich.console import Console

    from bench.commands import _table
    from bench.pages.page import publish
    from bench.records.clock import settled
    from bench.studies.figures import maps, page
    from bench.studies.figures.catalogue import FIGURES as PANELS
    from bench.studies.figures.catalogue import Choice
    from bench.trials import measure
    from bench.trials.page import tables
    from bench.trials.run import Runner
    from bench.trials.settings import Settings
    from bench.worlds import world as worlds

    if results.from_rows and number not in ("all", CURVES):
        raise FvitError(f"figure {number} is a panel of maps, which has no rows; leave --from-rows out")
    console, choice, failed = Console(), Choice(picture, preset, seed), 0
    runner = Runner(worlds.open("embedded"), lambda line: console.print(f"[dim]{line}[/dim]", highlight=False))
    store = results.store("embedded", console)
    with settled():
        for name in FIGURES if number == "all" else (number,):
            if name == CURVES:
                grids, settings = [tables()[f"figure{name}"]], Settings(n, preset, seed)
                campaign = None if results.from_rows else measure.measure(grids, settings, store, runner, console, results.how())
                failed += _table.show(grids, store, console, campaign)
            elif not results.from_rows:
                figure = PANELS[name]
                shown = maps.panel_rows(runner, figure, choice)
                drawn = page.panel(name, figure, choice, shown, runner.bench(figure.backbone).fingerprints())
                publish(store.folder / "figures", f"figure{name}", drawn, console)
    return 1 if failed else 0
