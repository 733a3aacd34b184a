"""Table 1: accuracy and segmentation of each method's maps under PGD 8/255, three backbones, three data sets."""

from bench.tables import _segmented
from bench.trials.grid import Cell, Grid
from bench.trials.settings import Settings

ABOUT = """Under PGD l_inf 8/255 each method's maps of the label it gave, against the object's exact mask; `random` is a control: a map that
knows nothing. An undefended classifier has one accuracy, whatever explains it."""


def cells(settings: Settings) -> list[Cell]:
    return _segmented.cells(settings, {8: ()})


TABLE = Grid("1", "classification and segmentation under attack", ABOUT, cells, _segmented.says)
