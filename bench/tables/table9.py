"""Table 9: accuracy under random noise."""

from bench.protocols import OURS
from bench.tables import _robust
from bench.trials.grid import Cell, Grid
from bench.trials.scene import Settings

ABOUT = """Noise that nobody optimised, within r/255 in every pixel: Gaussian of standard deviation r/2 clipped to r, and
uniform in [-r, r]. The paper does not say which levels it took in what we have of it; these are ours."""
RADII = (8, 16, 32, 64)


def cells(settings: Settings) -> list[Cell]:
    return [
        Cell(name, f"{attack} {eps}/255", "accuracy", _robust.look(settings, attack, eps, defence))
        for name, defence in (("vanilla", "none"), (OURS, "dds"))
        for attack in ("gaussian", "uniform")
        for eps in RADII
    ]


TABLE = Grid(9, "accuracy under random noise", ABOUT, cells)
