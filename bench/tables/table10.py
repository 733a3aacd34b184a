"""Table 10: accuracy under three attacks against their radius."""

from bench.protocols import OURS
from bench.tables import _robust
from bench.trials.grid import Cell, Grid
from bench.trials.scene import Settings

ATTACKS = {"PGD": "pgd", "FGSM": "fgsm", "AutoAttack": "autoattack"}
RADII = (2, 4, 6, 8, 10)
ABOUT = """Within l_inf. PGD, FGSM and AutoAttack (ours: APGD-CE, APGD-DLR, Square; `bench/attacks/autoattack.py`) see the undefended
network: a transfer attack, the weakest there is. The last rows attack through the defence."""


def cells(settings: Settings) -> list[Cell]:
    found = []
    for name, attack in ATTACKS.items():
        for method, defence in (("vanilla", "none"), (OURS, "dds")):
            for eps in RADII:
                found.append(Cell(f"{name}: {method}", f"{eps}/255", "accuracy", _robust.look(settings, attack, eps, defence)))
    return found + _robust.adaptive(settings, RADII) + (_robust.long(settings, RADII) if settings.long else [])


TABLE = Grid(10, "accuracy under three attacks", ABOUT, cells)
