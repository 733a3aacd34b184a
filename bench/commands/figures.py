"""The paper's figures on the embedded world.

Each is a PNG with the numbers behind it (.csv, .npz) and what made them
(.json), in the machine's folder of --results. Figure 3 is curves, the others
are panels of maps.

A panel takes about a minute on 2 cores, Figure 3 about ten.

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

    from bench.pages.page import publish
    from bench.records.campaign import latest, select
    from bench.records.clock import settled
    from bench.records.rows import Failed, Why
    from bench.studies.figures import maps, measure, page
    from bench.studies.figures.catalogue import FIGURES as CATALOGUE
    from bench.studies.figures.catalogue import Choice, Curves
    from bench.trials.run import Runner
    from bench.worlds import world as worlds

    if results.from_rows and number != "all" and not isinstance(CATALOGUE[number], Curves):
        raise FvitError(f"figure {number} is a panel of maps, which has no rows; leave --from-rows out")
    console, choice, failed = Console(), Choice(picture, n, preset, seed), 0
    runner = Runner(worlds.open("embedded"), lambda line: console.print(f"[dim]{line}[/dim]", highlight=False))
    store = results.store("embedded", console)
    with settled():
        for name in FIGURES if number == "all" else (number,):
            figure = CATALOGUE[name]
            if isinstance(figure, Curves):
                setting = measure.CurveSetting(figure, choice)
                campaign = None if results.from_rows else measure.measure(setting, store, runner, console, results.how())
                rows = select(store.read(), campaign) if campaign else latest(store.read(), measure.STUDY)
                failed += sum(isinstance(row, Failed) and row.missing.why == Why.FAILED for row in rows)
                drawn = page.render(name, rows)
            elif results.from_rows:
                continue
            else:
                shown = maps.panel_rows(runner, figure, choice)
                drawn = page.panel(name, figure, choice, shown, runner.bench(figure.backbone).fingerprints())
            publish(store.folder / "figures", f"figure{name}", drawn, console)
    return 1 if failed else 0
