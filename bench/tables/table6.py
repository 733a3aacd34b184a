"""Table 6: how far each method's maps move under PGD in l2 and l_inf, 2 to 10/255."""

from bench.tables import _faithful
from bench.trials.grid import Cell, Grid
from bench.trials.page import against_radius
from bench.trials.settings import Settings
from bench.worlds.attack import Threat

RADII = (2, 4, 6, 8, 10)
ABOUT = f"""Under PGD. {_faithful.DEFINED} The l2 radii are r/255 as printed: the whole picture moves by no more than one pixel does
under l_inf, so little happens."""


def cells(settings: Settings) -> list[Cell]:
    rule = settings.made.rule_for(settings.scene.task)
    threats = [(norm, radius, Threat("pgd", norm, radius / 255, rule)) for norm in ("l2", "linf") for radius in RADII]
    return [cell for norm, radius, threat in threats for cell in _faithful.cells(settings, threat, f"{norm} {radius}/255", ("s_faith",))]


TABLE = Grid("6", "S_Faith against the radius", ABOUT, cells, plot=against_radius)
