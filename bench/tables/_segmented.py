"""Maps of every method under PGD against the masks: Tables 1 and 7."""

from dataclasses import replace

from bench.protocols import OURS
from bench.trials.grid import METHODS, SHOWN, Cell
from bench.trials.run import Look
from bench.trials.scene import Settings


def cells(settings: Settings, radii: tuple[int, ...], metrics: tuple[str, ...]) -> list[Cell]:
    """Backbone x (five explainers, ours, random) by task x metric, at each radius (of 255)."""
    found = []
    for eps in radii:
        for name, backbone in settings.scene.backbones.items():
            for task in settings.scene.tasks:
                base = Look(backbone, task, settings.n, settings.preset, "pgd", eps=eps, seed=settings.seed)
                plain = replace(base, explainers=tuple(METHODS.values()))
                defended = replace(base, defence="dds", explainers=("vta",))
                for metric in metrics:
                    group = f"{task}, {eps}/255"
                    found += [Cell(f"{name} {method}", SHOWN[metric], metric, plain, spec, group=group) for method, spec in METHODS.items()]
                    found.append(Cell(f"{name} {OURS}", SHOWN[metric], metric, defended, "vta", group=group))
    return found
