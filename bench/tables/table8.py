"""Table 8: accuracy against the attack's radius, four defences."""

from collections.abc import Sequence
from typing import Any

from bench.protocols import OURS
from bench.tables import _robust
from bench.tables._rows import ours
from bench.trials.grid import Cell, Grid, Value
from bench.trials.page import against_radius
from bench.trials.settings import Settings
from bench.worlds.defence import Defence

ABOUT = """PGD l_inf on the undefended network (transfer), then attacks through DDS. DiffPure diffuses to the same noise and
solves the reverse process once: here 8 deterministic steps (DDIM) and one draw. Random smoothing: the same noise, no denoiser, the majority
of the draws. Blur and JPEG: the same draws with that in the denoiser's place. The other noise seeds are the same defence again, whose answers are
random; `one draw` is the mean share of right draws, what one draw answers in expectation. What is certified is on the page of `fvit certify`:
radii in l2, of which even the largest it gives (500 draws) hold no l_inf ball of 2/255."""
RADII = (0, 2, 4, 6, 8, 10)
ROWS = {
    "vanilla VTA": ("vanilla", "none", {}),
    "VTA + random smoothing": ("smoothing", "noise", {}),
    "VTA + DiffPure": ("diffpure", "dds", {"draws": 1, "denoise": "ddim", "steps": 8}),
    "VTA + blur": ("blur", "dds", {"denoise": "blur"}),
    "VTA + JPEG": ("jpeg", "dds", {"denoise": "jpeg"}),
}
PAPER = {"vanilla": "Vanilla VTA", "smoothing": "VTA + Random Smoothing", "diffpure": "VTA + DiffPure", "ours": "FViT (VTA + DDS)"}
AGAIN = (1, 2)  # noise seeds after the first


def cells(settings: Settings) -> list[Cell]:
    made, seed = settings.made, settings.seed
    rows = [(name, method, _defence(settings, kind, changes), "accuracy") for name, (method, kind, changes) in ROWS.items()]
    rows += [(name, method, defence, "accuracy") for name, method, defence in ours(settings)]
    rows += [(f"{OURS}, noise seed {seed + one}", "again", made.defence(seed=seed + one), "accuracy") for one in AGAIN]
    rows += [(f"{OURS}, one draw", "again", made.defence(seed=seed), "one_draw")]
    found = []
    for name, method, defence, metric in rows:
        for radius in RADII:
            trial, column = _robust.trial(settings, "pgd", radius, defence), f"{radius}/255"
            printed = (PAPER.get(method, ""), column)
            found.append(Cell(name, column, metric, trial, method=method, radius=radius / 255, norm="linf", printed=printed))
    return found + _robust.adaptive(settings, RADII) + (_robust.screened(settings, RADII) if settings.long else [])


def _defence(settings: Settings, kind: str, changes: dict[str, Any]) -> Defence:
    """A row's own defence; of a rehearsal with fewer steps."""
    own: dict[str, Any] = {"seed": settings.seed} | changes
    if "steps" in own:
        own["steps"] = settings.small(own["steps"], 3)
    return settings.made.defence(kind, **own)


def sections(values: Sequence[Value]) -> list[str]:
    return [_robust.together(values)]


TABLE = Grid("8", "accuracy against the attack's radius", ABOUT, cells, plot=against_radius, sections=sections)
