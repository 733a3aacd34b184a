"""Certified labels and maps: what no change within a radius moves.

How far each picture may be changed (in l2) before the majority of noisy votes
or the most relevant cells of its map can change, with a chance of error of
--alpha. Writes certify*.md and .tsv, plots and rows.

The first --attacked pictures are then attacked through the defence within and
beyond their radii (section 6.2): by Algorithm 2's radius, by the sound one, and
by the label's alone, at R, 1.5 R and 2 R, the label and the map: 15 attacks each.

100 pictures take about half an hour on one core. One attack took 36 to 47
seconds on a busy core, so allow ten minutes for each picture attacked; a run that
was stopped goes on where it was.

Examples:
  fvit certify --n 5 --draws 200 --attacked 2
  fvit certify --n 100 --draws 1000
  fvit certify --adaptive --radius 0.2     draw until that radius is certain
"""

from typing import Annotated

from cyclopts import Parameter

from bench.commands._options import EMBEDDED, Explainer, Results, Session, Task
from bench.commands._types import AtLeast2, Chance, Natural, Positive, Real, Seed, name_of
from runtime.errors import FvitError
from runtime.names import BOUNDS

MOST, RADIUS = 2000, 0.1  # of --adaptive: draws, and sigmas
Drawn = Annotated[
    AtLeast2 | None, Parameter(help="noisy copies of a picture; with --adaptive the most", show_default=f"500; {MOST} with --adaptive")
]
Bound = Annotated[
    str,
    Parameter(
        converter=name_of("bound", BOUNDS),
        metavar="NAME",
        help="of the mean map, where it is attacked and counted: thresholds, mean or renyi; the page has all three",
    ),
]
Backbone = Annotated[str, Parameter(converter=name_of("backbone", EMBEDDED), metavar="NAME", help=f"one of {', '.join(EMBEDDED)}")]


def run(
    *,
    n: Annotated[Positive, Parameter(help="test pictures")] = 100,
    task: Task = "digits",
    backbone: Backbone = "vit_embedded",
    alpha: Annotated[Chance, Parameter(help="chance of a wrong certificate, label and map together")] = 0.001,
    sigma: Annotated[Real, Parameter(help="the noise added to a picture, of 255")] = 64.0,
    draws: Drawn = None,
    selection: Annotated[Positive, Parameter(help="draws before those, which choose the label")] = 20,
    adaptive: Annotated[bool, Parameter(help="draw only until it is certain whether the radius is --radius")] = False,
    radius: Annotated[Real | None, Parameter(help="what --adaptive asks for, in units of sigma", show_default=str(RADIUS))] = None,
    k: Annotated[Positive, Parameter(help="how many of the most relevant cells of a map")] = 8,
    beta: Annotated[Chance, Parameter(help="share of them that has to stay")] = 0.5,
    explainer: Annotated[Explainer, Parameter(help="whose maps")] = "vta",
    bound: Bound = BOUNDS[0],
    attacked: Annotated[Natural, Parameter(help="pictures attacked within and beyond each kind of radius")] = 10,
    session: Session = "ort",
    seed: Seed = 0,
    results: Results = Results(),
) -> int:
    """Certifies what is missing, writes page, curve and TSV files, prints the page; 1 if a picture failed."""
    from rich.console import Console

    from bench.pages.page import publish
    from bench.records.campaign import latest, select
    from bench.records.clock import settled
    from bench.records.rows import Certified, Failed, Why
    from bench.studies.certify import page
    from bench.studies.certify.settings import CertifySettings, study
    from bench.worlds import world as worlds

    if radius is not None and not adaptive:
        raise FvitError("--radius belongs to --adaptive; add it, or leave --radius out")
    console = Console()
    store = results.store("embedded", console)
    if results.from_rows:
        rows = latest(store.read(), study(adaptive), lambda rows: any(isinstance(row, Certified) for row in rows))
    else:
        from bench.studies.certify.measure import measure

        settings = CertifySettings(
            backbone=backbone, task=task, images=n, sigma=sigma / 255, alpha=alpha, k=k, beta=beta, explainer=explainer, session=session,
            selection=selection, draws=draws or (MOST if adaptive else CertifySettings.draws), radius=(radius or RADIUS) if adaptive else None,
            seed=seed, attacked=attacked, bound=bound,
        )  # fmt: skip
        with settled():
            name = measure(settings, worlds.open(settings.world), store, console, results.how())
        rows = select(store.read(), name)
    publish(store.folder, page.stem(adaptive), page.render(rows), console)
    return int(any(isinstance(row, Failed) and row.missing.why == Why.FAILED for row in rows))
