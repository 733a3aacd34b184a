"""Table 7: Table 1 again, under attacks of radius 9/255 and 10/255."""

from bench.tables import _segmented
from bench.trials.grid import Cell, Grid
from bench.trials.settings import Settings

ABOUT = "As Table 1, under PGD l_inf 9 and 10/255."


def cells(settings: Settings) -> list[Cell]:
    return _segmented.cells(settings, {radius: (f"{radius}/255",) for radius in (9, 10)})


TABLE = Grid("7", "classification and segmentation under stronger attacks", ABOUT, cells, _segmented.says)
