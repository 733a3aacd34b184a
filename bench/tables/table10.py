"""Table 10: accuracy under three attacks against their radius."""

from collections.abc import Sequence

from bench.pages.page import percent
from bench.protocols import OURS
from bench.tables import _robust
from bench.trials.grid import Cell, Grid, Value, at
from bench.trials.page import against_radius
from bench.trials.settings import Settings

ATTACKS = {"PGD": "pgd", "FGSM": "fgsm", "AutoAttack": "autoattack"}
RADII = (2, 4, 6, 8, 10)
AT = 8 / 255
ABOUT = """Within l_inf. PGD, FGSM and AutoAttack (ours: APGD-CE, APGD-DLR, Square; `bench/attacks/autoattack.py`) see the undefended
network: a transfer attack, the weakest there is. The last rows attack through the defence."""


def attacks(settings: Settings) -> dict[str, str]:
    """Those asked for, else the paper's, by shown name."""
    named = {name: shown for shown, name in ATTACKS.items()}
    return {named.get(name, name): name for name in settings.attacks} if settings.attacks else ATTACKS


def cells(settings: Settings) -> list[Cell]:
    found = []
    for shown, attack in attacks(settings).items():
        for method, name, defence in _robust.both(settings):
            for radius in RADII:
                printed = (shown, f"{radius}/255") if name == "ours" else ()
                row = f"{shown}: {method}"
                found.append(_robust.cell(settings, row, attack, radius, defence, family=shown, method=name, printed=printed))
    more = [*_robust.long(settings, RADII), *_robust.screened(settings, RADII)] if settings.long else []
    return found + _robust.adaptive(settings, RADII) + more


def sections(values: Sequence[Value]) -> list[str]:
    return [_robust.together(values)]


def says(values: Sequence[Value]) -> str | None:
    """The transfer attack first, then what attacks through the defence leave."""
    vanilla, ours = (at(values, family="PGD", method=method, radius=AT) for method in ("vanilla", "ours"))
    through = {name: at(values, family=name, method="ours", radius=AT) for name in _robust.NAMES.values()}
    if vanilla is None or ours is None or not all(through.values()):
        return None
    told = "; ".join(f"{name}: {percent(value.number)}" for name, value in through.items())  # type: ignore[union-attr, arg-type]
    return (
        f"Under PGD 8/255 on the undefended network the ViT keeps {percent(vanilla.number)} of its answers right, and {percent(ours.number)} "  # type: ignore[arg-type]
        f"behind {OURS.split()[-1].rstrip(')')}. That attack does not see the defence; those that do leave less ({told}): judge the defence by them."
    )


TABLE = Grid("10", "accuracy under three attacks", ABOUT, cells, says, plot=against_radius, sections=sections)
