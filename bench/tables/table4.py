"""Table 4: what the defence costs on clean pictures."""

from collections.abc import Sequence

from bench.trials.grid import Cell, Grid, Value, at
from bench.trials.settings import Settings
from bench.trials.trial import Trial

ABOUT = """Clean pictures. The rows' sigma is nominal: the preset's rule makes real noise of it (under `corrected` they are the same)."""
SIGMAS = (2, 5, 10)


def cells(settings: Settings) -> list[Cell]:
    found, made = [], settings.made
    for name, backbone in settings.scene.backbones.items():
        for task in settings.scene.labelled:
            plain = Trial(backbone, task, settings.n)
            rows = [("vanilla", plain, "vanilla")]
            for sigma in SIGMAS:
                defence = made.defence(sigma=sigma / 255, seed=settings.seed)
                rows.append((f"ours, sigma {sigma}/255", Trial(backbone, task, settings.n, defence=defence), f"ours {sigma}"))
            own = Trial(backbone, task, settings.n, defence=made.defence(seed=settings.seed))
            rows.append(("ours, the preset's own noise", own, "ours"))
            found += [Cell(f"{name} {row}", task, "accuracy", trial, family=name, method=method) for row, trial, method in rows]
    return found


def says(values: Sequence[Value]) -> str | None:
    """What DDS costs, over backbones and tasks."""
    lost = []
    for family, column in dict.fromkeys((value.cell.family, value.cell.column) for value in values):
        pair = [at(values, family=family, column=column, method=method) for method in ("vanilla", "ours")]
        if None in pair:
            return None
        lost.append(100 * (pair[0].number.value - pair[1].number.value))  # type: ignore[union-attr]
    return f"On clean pictures DDS costs {min(lost):+.1f} to {max(lost):+.1f} points over {len(lost)} pairs of backbone and task."


TABLE = Grid("4", "clean accuracy", ABOUT, cells, says)
