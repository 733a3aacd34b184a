"""`fvit plan`: the best setting of the frontier measured on this machine within a budget, or that there is none."""

import argparse

from bench import frontier_page, records
from bench.commands.frontier import TABLE
from bench.records import Rows


def run(options: argparse.Namespace) -> int:
    """Prints one sentence; 1 if no measured setting fits."""
    rows = Rows(options.results / f"embedded-{records.machine()}")
    measured = frontier_page.having(frontier_page.cells(records.latest(rows.read(), TABLE)), "attacked")
    asked, fits = [], measured
    if options.latency is not None:
        fits = [cell for cell in fits if cell["seconds"] <= options.latency]
        asked.append(f"within {options.latency * 1e3:g} ms a picture")
    if options.accuracy is not None:
        fits = [cell for cell in fits if cell["attacked"] >= options.accuracy]
        asked.append(f"with {options.accuracy:g} accuracy under PGD 8/255")
    if not fits:
        fast, good = min(measured, key=_seconds), max(measured, key=_attacked)
        print(f"no measured setting {' and '.join(asked)}: the fastest is {_told(fast)}; the best is {_told(good)}")
        return 1
    enough = max(map(_attacked, fits)) if options.accuracy is None else options.accuracy
    best = min((cell for cell in fits if cell["attacked"] >= enough), key=_seconds)
    print(f"{' and '.join(asked)}: {_told(best)} (n = {best['n']}; {rows.folder}/frontier.md)")
    return 0


def _seconds(cell: dict) -> float:
    return cell["seconds"]


def _attacked(cell: dict) -> float:
    return cell["attacked"]


def _told(cell: dict) -> str:
    return f"{frontier_page.named(cell)}: {cell['attacked']:.3f} under attack, {cell['clean']:.3f} clean, {cell['seconds'] * 1e3:.3g} ms a picture"
