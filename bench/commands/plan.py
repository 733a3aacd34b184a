"""`fvit plan`: the best setting of the frontier measured on this machine within a budget, or that there is none."""

import argparse

from bench import frontier_page, records
from bench.commands.frontier import TABLE
from bench.records import Rows


def run(options: argparse.Namespace) -> int:
    """Prints one sentence; 1 if no measured setting fits."""
    rows = Rows(options.results / f"embedded-{records.machine()}")
    frame = frontier_page.cells(records.latest(rows.read(), TABLE))
    frame = frame[frame["attacked"].notna()]
    asked, fits = [], frame
    if options.latency is not None:
        fits = fits[fits["seconds"] <= options.latency]
        asked.append(f"within {options.latency * 1e3:g} ms a picture")
    if options.accuracy is not None:
        fits = fits[fits["attacked"] >= options.accuracy]
        asked.append(f"with {options.accuracy:g} accuracy under PGD 8/255")
    if fits.empty:
        fast, good = frame.loc[frame["seconds"].idxmin()], frame.loc[frame["attacked"].idxmax()]
        print(f"no measured setting {' and '.join(asked)}: the fastest is {_told(fast)}; the best is {_told(good)}")
        return 1
    best = fits["attacked"].max() if options.accuracy is None else options.accuracy
    fits = fits[fits["attacked"] >= best]
    print(f"{' and '.join(asked)}: {_told(fits.loc[fits['seconds'].idxmin()])} (n = {int(fits['n'].max())}; {rows.folder}/frontier.md)")
    return 0


def _told(cell) -> str:
    return f"{frontier_page.named(cell)}: {cell['attacked']:.3f} under attack, {cell['clean']:.3f} clean, {cell['seconds'] * 1e3:.3g} ms a picture"
