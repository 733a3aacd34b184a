"""Table 9: accuracy under random noise."""

from bench.tables import _robust
from bench.trials.grid import Cell, Grid
from bench.trials.settings import Settings

ABOUT = """Noise that nobody optimised, within r/255 in every pixel: Gaussian of standard deviation r/2 clipped to r, and
uniform in [-r, r]. The paper does not say which levels it took in what we have of it; these are ours."""
RADII = (8, 16, 32, 64)


def cells(settings: Settings) -> list[Cell]:
    return [
        Cell(
            name, f"{attack} {radius}/255", "accuracy", _robust.trial(settings, attack, radius, defence),
            method=method, radius=radius / 255, norm="linf",
        )
        for name, method, defence in _robust.METHODS
        for attack in ("gaussian", "uniform")
        for radius in RADII
    ]  # fmt: skip


TABLE = Grid("9", "accuracy under random noise", ABOUT, cells)
