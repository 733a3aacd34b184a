"""Definition 4.2 tried: do the attacks break (R, D, gamma, beta, k)-faithfulness?

Attacks the label and the map of each picture through the defence, in an l2
ball of --radius, and bounds how far the top cells and the votes have moved.
The answer is 'broken' or 'not broken by this attack', never that it holds.
Writes check.md, .csv and rows.

A picture takes a minute or two on one core with the defaults.

Examples:
  fvit check --n 3 --draws 100
  fvit check --radius 1 --gamma 0.5 --beta 0.75
  fvit check --from-rows
"""

from typing import Annotated

from cyclopts import Parameter

from bench.commands._options import EMBEDDED, Explainer, Results, Session, Task
from bench.commands._types import AtLeast2, Chance, Orders, Positive, Real, Seed, name_of

Backbone = Annotated[str, Parameter(converter=name_of("backbone", EMBEDDED), metavar="NAME", help=f"one of {', '.join(EMBEDDED)}")]


def run(
    *,
    n: Annotated[Positive, Parameter(help="test pictures")] = 10,
    task: Task = "digits",
    backbone: Backbone = "vit_embedded",
    radius: Annotated[Real, Parameter(help="R, in units of sigma")] = 0.5,
    gamma: Annotated[Real, Parameter(help="the most that the votes may diverge")] = 0.1,
    orders: Annotated[Orders, Parameter(help="orders of the Renyi divergence, with commas")] = (1.5, 2.0, 4.0),
    k: Annotated[Positive, Parameter(help="how many of the most relevant cells of a map")] = 8,
    beta: Annotated[Chance, Parameter(help="share of them that has to stay")] = 0.5,
    sigma: Annotated[Real, Parameter(help="the noise added to a picture, of 255")] = 64.0,
    draws: Annotated[AtLeast2, Parameter(help="noisy copies of a picture, and of each attacked one")] = 300,
    alpha: Annotated[Chance, Parameter(help="chance of a wrong bound, all of one picture together")] = 0.01,
    explainer: Annotated[Explainer, Parameter(help="whose maps")] = "vta",
    session: Session = "ort",
    seed: Seed = 0,
    results: Results = Results(),
) -> int:
    """Measures what is missing, writes the page, prints it; 1 if a picture failed."""
    from rich.console import Console

    from bench.pages.page import publish
    from bench.records.campaign import latest, select
    from bench.records.clock import settled
    from bench.records.rows import Beyond, Failed, Why
    from bench.studies.certify import check_page
    from bench.studies.certify.settings import CHECK, CheckSettings
    from bench.worlds import world as worlds

    console = Console()
    store = results.store("embedded", console)
    if results.from_rows:
        rows = latest(store.read(), CHECK, lambda rows: any(isinstance(row, Beyond) for row in rows))
    else:
        from bench.studies.certify.check import measure

        settings = CheckSettings(
            backbone=backbone, task=task, images=n, sigma=sigma / 255, radius=radius, k=k, beta=beta, gamma=gamma, orders=orders, alpha=alpha,
            explainer=explainer, session=session, draws=draws, seed=seed,
        )  # fmt: skip
        with settled():
            name = measure(settings, worlds.open(settings.world), store, console, results.how())
        rows = select(store.read(), name)
    publish(store.folder, CHECK, check_page.render(rows), console)
    return int(any(isinstance(row, Failed) and row.missing.why == Why.FAILED for row in rows))
