"""`fvit plan`: the best setting of the frontier measured on this machine within a budget, or that there is none."""

import argparse
from operator import itemgetter

from bench.commands.frontier import latest
from bench.records import machine
from bench.records.rows import Rows
from bench.studies.frontier import page as frontier_page
from runtime.errors import FvitError


def run(options: argparse.Namespace) -> int:
    """Prints one sentence; 1 if no measured setting fits."""
    rows = Rows(options.results / f"embedded-{machine.machine()}")
    cost = "seconds" if options.latency is None else "alone"
    measured = frontier_page.having(frontier_page.having(frontier_page.cells(latest(rows)), "attacked"), cost)
    if not measured:
        raise FvitError(f"no setting of {rows.folder} was timed alone; measure again: fvit frontier --fresh")
    asked, fits = [], measured
    if options.latency is not None:
        fits = [cell for cell in fits if cell[cost] <= options.latency]
        asked.append(f"within {options.latency * 1e3:g} ms for one picture alone")
    if options.accuracy is not None:
        fits = [cell for cell in fits if cell["attacked"] >= options.accuracy]
        asked.append(f"with {options.accuracy:g} accuracy under PGD 8/255")
    if not fits:
        fast, good = min(measured, key=itemgetter(cost)), max(measured, key=itemgetter("attacked"))
        print(f"no measured setting {' and '.join(asked)}: the fastest is {_told(fast)}; the best is {_told(good)}")
        return 1
    enough = max(cell["attacked"] for cell in fits) if options.accuracy is None else options.accuracy
    best = min((cell for cell in fits if cell["attacked"] >= enough), key=itemgetter(cost))
    print(f"{' and '.join(asked)}: {_told(best)} (n = {best['n']}; {rows.folder}/frontier.md)")
    return 0


def _told(cell: dict) -> str:
    alone = f" ({cell['alone'] * 1e3:.3g} ms alone)" if cell["alone"] is not None else ""
    said = f"{cell['attacked']:.3f} under attack, {cell['clean']:.3f} clean, {cell['seconds'] * 1e3:.3g} ms a picture in a row{alone}"
    return f"{frontier_page.named(cell)}: {said}"
