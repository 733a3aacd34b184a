"""Table 8: accuracy against the attack's radius, four defences."""

from dataclasses import replace

from bench.protocols import OURS
from bench.tables import _robust
from bench.trials.grid import Cell, Grid
from bench.trials.scene import Settings

ABOUT = """PGD l_inf on the undefended network (transfer), then attacks through DDS. DiffPure diffuses to the same noise and
solves the reverse process once: here 8 deterministic steps (DDIM) and one draw. Random smoothing: the same noise, no denoiser, the majority
of the draws. Blur and JPEG: the same draws with that in the denoiser's place. The other noise seeds are the same defence again, whose answers are
random; `one draw` is the mean share of right draws, what one draw answers in expectation. What is certified is on the page of `fvit certify`:
radii in l2, of which even the largest it gives (500 draws) hold no l_inf ball of 2/255."""
RADII = (0, 2, 4, 6, 8, 10)
ROWS = {
    "vanilla VTA": ("none", {}),
    "VTA + random smoothing": ("noise", {}),
    "VTA + DiffPure": ("dds", {"draws": 1, "denoise": "ddim", "steps": 8}),
    "VTA + blur": ("dds", {"denoise": "blur"}),
    "VTA + JPEG": ("dds", {"denoise": "jpeg"}),
    OURS: ("dds", {}),
}
ANEW = (1, 2)  # noise seeds after the first


def cells(settings: Settings) -> list[Cell]:
    found = []
    for name, (defence, more) in ROWS.items():
        for eps in RADII:
            found.append(Cell(name, f"{eps}/255", "accuracy", _robust.look(settings, "pgd", eps, defence, **more)))
    for seed in ANEW:
        again = replace(settings, seed=settings.seed + seed)
        found += [
            Cell(f"{OURS}, noise seed {again.seed}", f"{eps}/255", "accuracy", _robust.look(again, "pgd", eps, "dds")) for eps in RADII
        ]
    found += [Cell(f"{OURS}, one draw", f"{eps}/255", "one_draw", _robust.look(settings, "pgd", eps, "dds")) for eps in RADII]
    return found + _robust.adaptive(settings, RADII)


TABLE = Grid(8, "accuracy against the attack's radius", ABOUT, cells)
