"""Speed in every session and precision, next to the machine's limits.

The machine's ceilings first; then each network in pairs of calls with eager
fp32, so that a drift of the machine's speed falls on both. Nothing is timed
that computes something else than eager. Writes roofline.md and .csv, which
show the newest measurement of each, whichever command made it.

All networks take about an hour on 2 cores, one small one some minutes.

Examples:
  fvit roofline --network vit_b16 --session openvino
  fvit roofline --network draw --precision bf16 --batch 1,32
  fvit roofline --device cuda --session eager,ort,trt --precision fp16,bf16
"""

from typing import Annotated

from cyclopts import Parameter

from bench.commands._options import Device, Precisions, Results, Sessions
from bench.commands._types import Counts, Positive, names_of
from bench.studies.roofline.networks import NETWORKS

TimedNetworks = Annotated[
    tuple[str, ...],
    Parameter(converter=names_of("network", NETWORKS), metavar="A,B", help=f"what is timed: {', '.join(NETWORKS)}", show_default="all"),
]


def run(
    *,
    network: TimedNetworks = tuple(NETWORKS),
    session: Sessions = ("eager", "compiled", "openvino", "ort"),
    precision: Precisions = ("fp32", "bf16", "int8"),
    pairs: Annotated[Positive, Parameter(help="calls of each candidate and of eager fp32, in turn, at most")] = 25,
    batch: Annotated[Counts | None, Parameter(help="pictures per call, one size or several", show_default="each network's own")] = None,
    device: Device = None,
    results: Results = Results(),
) -> int:
    """Measures what is missing at this commit, writes the page, prints it; 1 if a candidate failed that could have run."""
    from rich.console import Console

    from bench.pages.page import publish
    from bench.records.rows import Failed, Why
    from bench.studies.roofline import page
    from bench.studies.roofline.networks import STUDY

    console = Console()
    store = results.store("speed", console)
    if not results.from_rows:
        from bench.studies.roofline import measure

        measure.run(measure.Candidates(network, session, precision, pairs, batch, device), store, console, results.how())
    rows = page.newest(store.read())
    publish(store.folder, STUDY, page.render(rows), console)
    return int(any(isinstance(row, Failed) and row.missing.why == Why.FAILED for row in rows))
