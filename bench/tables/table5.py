"""Table 5: how far each method's maps move under PGD, FGSM and AutoAttack, 8/255."""

from dataclasses import replace

from bench.protocols import OURS
from bench.tables import _faithful
from bench.trials.grid import ADAPTIVE, FEWER, Cell, Grid
from bench.trials.scene import Settings

ATTACKS = {"PGD": "pgd", "FGSM": "fgsm", "AutoAttack": "autoattack", "top-k": "topk"}
ABOUT = f"""Under l_inf 8/255. {_faithful.DEFINED} AutoAttack is ours: APGD-CE, APGD-DLR and Square, see `bench/attacks/autoattack.py`.
`top-k` is not in the paper: it attacks the explanation, moving rollout's relevance out of its top 8 while the label stays.
`top-k through DDS` does so to the mean rollout, and keeps the label, of 8 draws of the defence (full gradient; the attacker's own draws);
`rollout + DDS` is the map it attacks."""
THROUGH = "top-k through DDS"
ITSELF = "rollout + DDS"
NONE = "looks through the defence, and this method has none"
ALONE = f"shown under {THROUGH}, which attacks it, alone"


def cells(settings: Settings) -> list[Cell]:
    found = [cell for name, attack in ATTACKS.items() for cell in _faithful.cells(settings, attack, "linf", 8, name)]
    itself = [replace(cell, row=ITSELF, look=None, word="left out", reason=ALONE) for cell in found if cell.row == OURS]
    return found + itself + _through(settings)


def _through(settings: Settings) -> list[Cell]:
    """Ours and the map attacked, both behind the defence; every other method with the reason why not."""
    found = []
    for cell in _faithful.cells(replace(settings, n=min(settings.n, ADAPTIVE)), "topk_dds", "linf", 8, THROUGH):
        if cell.row != OURS or cell.look is None:
            found.append(replace(cell, look=None, word="left out", reason=NONE))
            continue
        both = replace(cell, look=replace(cell.look, explainers=("vta", "rollout")), reason=FEWER)
        found += [both, replace(both, row=ITSELF, explainer="rollout")]
    return found


TABLE = Grid(5, "S_Faith under three attacks", ABOUT, cells)
