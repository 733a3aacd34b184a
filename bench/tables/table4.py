"""Table 4: what the defence costs on clean pictures."""

from collections.abc import Sequence
from dataclasses import replace

from bench.tables._rows import ours
from bench.trials.grid import Cell, Grid, Value, at
from bench.trials.settings import Settings
from bench.trials.trial import Trial

ABOUT = """Clean pictures. The rows' sigma is nominal: the preset's rule makes real noise of it (under `corrected` they are the same)."""
SIGMAS = (2, 5, 10)


def cells(settings: Settings) -> list[Cell]:
    found = []
    for name, backbone in settings.scene.backbones.items():
        for task in settings.scene.labelled:
            plain = Trial(backbone, task, settings.n)
            rows: list[tuple[str, str, Trial, tuple[str, ...]]] = [("vanilla", "vanilla", plain, ("Vanilla", "-", name))]
            for sigma in SIGMAS:
                for shown, method, defence in ours(settings, sigma / 255):
                    printed = ("Ours", f"{sigma}/255", name) if method == "ours" else ()
                    rows.append((f"{shown}, sigma {sigma}/255", f"{method} {sigma}", replace(plain, defence=defence), printed))
            for shown, method, defence in ours(settings):
                rows.append((f"{shown}, the preset's own noise", method, replace(plain, defence=defence), ()))
            data_set = settings.scene.printed.get(task)
            for row, method, trial, printed in rows:
                paper = printed if data_set == "ImageNet" else ()
                found.append(Cell(f"{name} {row}", task, "accuracy", trial, family=name, method=method, printed=paper))
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
