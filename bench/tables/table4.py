"""Table 4: what the defence costs on clean pictures."""

from bench.trials.grid import Cell, Grid
from bench.trials.run import Look
from bench.trials.scene import Settings

ABOUT = """Clean pictures. The rows' sigma is nominal: the preset's rule makes real noise of it (under `corrected` they are the same)."""
SIGMAS = (2, 5, 10)


def cells(settings: Settings) -> list[Cell]:
    found = []
    for name, backbone in settings.scene.backbones.items():
        for task in settings.scene.labelled:
            look = Look(backbone, task, settings.n, settings.preset, seed=settings.seed)
            found.append(Cell(f"{name} vanilla", task, "accuracy", look))
            for sigma in SIGMAS:
                defended = Look(backbone, task, settings.n, settings.preset, defence="dds", sigma=sigma, seed=settings.seed)
                found.append(Cell(f"{name} ours, sigma {sigma}/255", task, "accuracy", defended))
            own = Look(backbone, task, settings.n, settings.preset, defence="dds", seed=settings.seed)
            found.append(Cell(f"{name} ours, the preset's own noise", task, "accuracy", own))
    return found


TABLE = Grid(4, "clean accuracy", ABOUT, cells)
