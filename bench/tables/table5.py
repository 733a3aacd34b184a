"""Table 5: how far each method's maps move under PGD, FGSM and AutoAttack, 8/255."""

from bench.tables import _faithful
from bench.tables._grid import Cell, Grid
from bench.tables._scene import Settings

ATTACKS = {"PGD": "pgd", "FGSM": "fgsm", "AutoAttack": "autoattack", "top-k": "topk"}
ABOUT = f"""Under l_inf 8/255. {_faithful.DEFINED} AutoAttack is ours: APGD-CE, APGD-DLR and Square, see `bench/attacks/autoattack.py`.
`top-k` is not in the paper: it attacks the explanation, moving rollout's relevance out of its top 8 while the label stays."""


def cells(settings: Settings) -> list[Cell]:
    return [cell for name, attack in ATTACKS.items() for cell in _faithful.cells(settings, attack, "linf", 8, name)]


TABLE = Grid(5, "S_Faith under three attacks", ABOUT, cells)
