"""The best measured setting within a time or an accuracy.

Reads what fvit frontier measured on this machine, or in the results folder
that DIR is itself, of whichever machine. The exit code is 1 where nothing fits.
Takes seconds.

Examples:
  fvit plan --latency 50ms
  fvit plan --accuracy 0.9
  fvit plan --latency 0.2s --accuracy 0.9
  fvit plan --accuracy 0.9 --results results/embedded-nvidia-h100
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from bench.commands._options import Results, ResultsFolder
from bench.commands._types import Duration, Share
from runtime.errors import FvitError

if TYPE_CHECKING:
    from bench.studies.frontier.costs import Cost


def run(
    *,
    latency: Annotated[Duration | None, Parameter(help="the most that one picture may take: 50ms, 0.2s")] = None,
    accuracy: Annotated[Share | None, Parameter(help="the least accuracy under attack: 0.9")] = None,
    results: ResultsFolder = Path("results"),
) -> int:
    """Prints one sentence; 1 if no measured setting fits."""
    if latency is None and accuracy is None:
        raise FvitError("nothing to plan for: give --latency 50ms, --accuracy 0.9, or both")
    from rich.console import Console

    from bench.records.campaign import latest
    from bench.studies.frontier.costs import costs
    from bench.studies.frontier.settings import STUDY

    store = Results(folder=results).store("embedded", Console())
    measured = [cost for cost in costs(latest(store.read(), STUDY)) if latency is None or cost.alone is not None]
    if not measured:
        raise FvitError(
            f"no setting in {store.folder} was timed; see the reasons in its frontier.md, then measure again: fvit frontier --fresh"
        )
    fits = [cost for cost in measured if latency is None or _seconds(cost, latency) <= latency]
    fits = [cost for cost in fits if accuracy is None or cost.attacked.value >= accuracy]
    limits = [f"within {latency * 1e3:g} ms for one picture alone"] if latency is not None else []
    limits += [f"with {accuracy:g} accuracy under PGD 8/255"] if accuracy is not None else []
    if not fits:
        fast, good = min(measured, key=lambda cost: _seconds(cost, latency)), max(measured, key=lambda cost: cost.attacked.value)
        print(f"no measured setting {' and '.join(limits)}: the fastest is {_line(fast)}; the best is {_line(good)}")
        return 1
    enough = max(cost.attacked.value for cost in fits) if accuracy is None else accuracy
    best = min((cost for cost in fits if cost.attacked.value >= enough), key=lambda cost: _seconds(cost, latency))
    print(f"{' and '.join(limits)}: {_line(best)} (n = {best.n}; {store.folder}/frontier.md)")
    return 0


def _seconds(cost: "Cost", latency: float | None) -> float:
    """What is compared: one picture alone where a latency was given, else pictures in a row."""
    return cost.seconds if latency is None or cost.alone is None else cost.alone


def _line(cost: "Cost") -> str:
    alone = "" if cost.alone is None else f" ({cost.alone * 1e3:.3g} ms alone)"
    shares = f"{cost.attacked.value:.3f} under attack, {cost.clean.value:.3f} clean"
    return f"{cost}: {shares}, {cost.seconds * 1e3:.3g} ms per picture in a row{alone}"
