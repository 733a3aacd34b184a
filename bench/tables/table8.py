"""Table 8: accuracy against the attack's radius, four defences."""

from bench.tables import _robust
from bench.tables._grid import OURS, Cell, Grid, Settings

ABOUT = """ViT on `digits`, PGD l_inf on the undefended network (transfer), then attacks through DDS. DiffPure diffuses to the same noise and
solves the reverse process once: here 8 deterministic steps (DDIM) and one draw. Random smoothing: the same noise, no denoiser, the majority
of the draws."""
RADII = (0, 2, 4, 6, 8, 10)
ROWS = {
    "vanilla VTA": ("none", {}),
    "VTA + random smoothing": ("noise", {}),
    "VTA + DiffPure": ("dds", {"draws": 1, "denoise": "ddim", "steps": 8}),
    OURS: ("dds", {}),
}


def cells(settings: Settings) -> list[Cell]:
    found = []
    for name, (defence, more) in ROWS.items():
        for eps in RADII:
            found.append(Cell(name, f"{eps}/255", "accuracy", _robust.look(settings, "pgd", eps, defence, **more)))
    return found + _robust.adaptive(settings, RADII)


TABLE = Grid(8, "accuracy against the attack's radius", ABOUT, cells)
