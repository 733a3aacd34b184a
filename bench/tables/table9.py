"""Table 9: accuracy under natural noise of magnitude 4/255, against the defence's own sigma."""

from dataclasses import replace

from bench.tables import _robust
from bench.tables._rows import ours
from bench.trials.grid import Cell, Grid
from bench.trials.settings import Settings
from bench.worlds.defence import Defence

MAGNITUDE = 4  # of 255
SIGMAS = (2, 4, 10, 12)  # of 255, of the defence; before them 0, the vanilla network
NOISES = {
    "Gaussian, deviation 4/255": ("gaussian_unbounded", "Gaussian Noise"),
    "uniform, half-width 4/255": ("uniform", "Uniform Noise"),
    "uniform, deviation 4/255": ("uniform_deviation", ""),
}
STRONGER = (8, 16, 32, 64)  # of 255
SWEEP = "stronger noise within r/255, the preset's own sigma"
ABOUT = f"""Noise of magnitude {MAGNITUDE}/255 that nobody optimised, in every cell; the columns are the defence's own nominal sigma, of which the
preset's rule makes real noise, and 0 is the vanilla network. The paper does not say what the magnitude is: for Gaussian noise we take its
standard deviation, clipped to [0, 1] alone; for uniform noise the half-width, and in a row of its own the deviation. Below, ours: noise
within r/255, Gaussian of standard deviation r/2 clipped to r, and uniform in [-r, r]."""


def cells(settings: Settings) -> list[Cell]:
    found = []
    for row, (attack, paper) in NOISES.items():
        columns = [("0 (vanilla)", "0/255", Defence(), "vanilla", row)]
        for sigma in SIGMAS:
            for shown, method, defence in ours(settings, sigma / 255):
                columns.append((f"sigma {sigma}/255", f"{sigma}/255", defence, method, row if method == "ours" else f"{row}; {shown}"))
        for column, printed, defence, method, name in columns:
            one = _robust.cell(settings, name, attack, MAGNITUDE, defence, family=row, method=method)
            paper_cell = (paper, printed) if method in ("ours", "vanilla") else ()
            found.append(replace(one, column=column, printed=paper_cell))
    return found + _stronger(settings)


def _stronger(settings: Settings) -> list[Cell]:
    return [
        replace(_robust.cell(settings, name, attack, radius, defence, method=method, group=SWEEP), column=f"{attack} {radius}/255")
        for name, method, defence in _robust.both(settings)
        for attack in ("gaussian", "uniform")
        for radius in STRONGER
    ]


TABLE = Grid("9", "accuracy under natural noise", ABOUT, cells)
