"""Table 5: how far each method's maps move under PGD, FGSM and AutoAttack, 8/255."""

from collections.abc import Sequence
from dataclasses import replace

from bench.pages.page import percent
from bench.protocols import OURS
from bench.records.rows import Why
from bench.tables import _faithful
from bench.trials.grid import ADAPTIVE, FEWER, Cell, Grid, Value, at
from bench.trials.settings import Settings
from bench.worlds.attack import Threat

ATTACKS = {"PGD": "pgd", "FGSM": "fgsm", "AutoAttack": "autoattack", "top-k": "topk"}
ABOUT = f"""Under l_inf 8/255. {_faithful.DEFINED} AutoAttack is ours: APGD-CE, APGD-DLR and Square, see `bench/attacks/autoattack.py`.
`top-k` is not in the paper: it attacks the explanation, moving rollout's relevance out of its top 8 while the label stays.
`top-k through DDS` does so to the mean rollout, and keeps the label, of 8 draws of the defence (full gradient; the attacker's own draws);
`rollout + DDS` is the map it attacks."""
THROUGH = "top-k through DDS"
ITSELF = "rollout + DDS"
NONE = "looks through the defence, and this method has none"
FIRST = "an attack through the defence is made for the first row of ours alone"
ALONE = f"shown under {THROUGH}, which attacks it, alone"


def attacks(settings: Settings) -> dict[str, str]:
    """Those asked for, else the paper's and ours, by shown name."""
    named = {name: shown for shown, name in ATTACKS.items()}
    return {named.get(name, name): name for name in settings.attacks} if settings.attacks else ATTACKS


def cells(settings: Settings) -> list[Cell]:
    rule = settings.made.rule_for(settings.scene.task)
    threats = {shown: Threat(name, "linf", 8 / 255, rule) for shown, name in attacks(settings).items()}
    found = _faithful.cells(settings, None, _faithful.FLOOR)
    found += [cell for shown, threat in threats.items() for cell in _faithful.cells(settings, threat, shown)]
    itself = [
        replace(cell, row=ITSELF, explainer="rollout", method="rollout behind DDS").without(Why.LEFT_OUT, ALONE)
        for cell in found
        if cell.method == "ours"
    ]
    return found + itself + _through(settings)


def _through(settings: Settings) -> list[Cell]:
    """Ours and the map attacked, both behind the defence; every other method with the reason why not."""
    threat, found = Threat("topk_dds", "linf", 8 / 255, settings.made.rule_for(settings.scene.task)), []
    for cell in _faithful.cells(settings.at_most(ADAPTIVE), threat, THROUGH):
        if cell.method != "ours":
            defended = cell.trial is not None and cell.trial.defence.kind != "none"
            found.append(cell.without(Why.LEFT_OUT, FIRST if defended else NONE))
            continue
        both = replace(cell, note=FEWER, adaptive=True)
        found += [both, replace(both, row=ITSELF, explainer="rollout", method="rollout behind DDS")]
    return found


def says(values: Sequence[Value]) -> str | None:
    rows = {
        name: at(values, method=method, metric="topk", column="PGD")
        for name, method in (("VTA", "VTA"), (OURS, "ours"), ("random", "random"))
    }
    if not all(rows.values()):
        return None
    told = ", ".join(f"{name} {percent(value.number)}" for name, value in rows.items())  # type: ignore[union-attr, arg-type]
    return f"Share of the 8 most relevant cells that PGD 8/255 leaves in place: {told}."


UNREAD = "the cells of Table 5 are printed inside a figure, not readable in our copy"
TABLE = Grid("5", "S_Faith under three attacks", ABOUT, cells, says, unread=UNREAD)
