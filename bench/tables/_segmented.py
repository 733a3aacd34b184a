"""Maps of every method under PGD against the masks: Tables 1 and 7."""

from collections.abc import Sequence
from dataclasses import replace

from bench.protocols import OURS
from bench.tables._rows import PAPER_METHODS, PAPER_METRICS, ours
from bench.trials.grid import Cell, Value, methods, title
from bench.trials.settings import Settings
from bench.trials.trial import Trial
from bench.worlds.attack import Threat

METRICS = ("accuracy", "pixel_accuracy", "miou", "map")


def cells(settings: Settings, radii: dict[int, tuple[str, ...]]) -> list[Cell]:
    """Backbone x (explainers, random, ours) by task x metric, at each radius (of 255), under each attack that was asked for (PGD).

    `radii`: how the published file names each of them, () where its table has one radius alone.
    """
    found = []
    for attack in settings.attacks or ("pgd",):
        for radius, printed in radii.items():
            for name, backbone in settings.scene.backbones.items():
                for task in settings.scene.tasks:
                    group = f"{task}, {radius}/255" + (f", {attack}" if settings.attacks else "")
                    threat = Threat(attack, "linf", radius / 255, settings.made.rule_for(task))
                    plain = Trial(backbone, task, settings.n, threat=threat)
                    found += _of(settings, plain, name, group, printed if attack == "pgd" else None)
    return found


def _of(settings: Settings, plain: Trial, name: str, group: str, printed: tuple[str, ...] | None) -> list[Cell]:
    assert plain.threat is not None
    shared = {"group": group, "family": name, "radius": plain.threat.eps, "norm": "linf"}
    rows = [(method, method, plain, spec) for method, spec in methods(settings).items()]
    rows += [(shown, method, replace(plain, defence=defence), "vta") for shown, method, defence in ours(settings)]
    data_set, found = settings.scene.printed.get(plain.task, ""), []
    for metric in METRICS:
        for shown, method, trial, spec in rows:
            paper = () if printed is None else (*printed, name, PAPER_METHODS.get(method, ""), data_set, PAPER_METRICS[metric])
            found.append(Cell(f"{name} {shown}", title(metric), metric, trial, spec, method=method, printed=paper, **shared))
    return found


def says(values: Sequence[Value]) -> str | None:
    """The ViT's maps by pixel accuracy, best first, on the first data set."""
    own = [value for value in values if value.number and value.cell.metric == "pixel_accuracy"]
    own = [value for value in own if (value.cell.group, value.cell.family) == (own[0].cell.group, own[0].cell.family)]
    if not own:
        return None
    ranked = sorted(own, key=lambda value: -value.number.value)  # type: ignore[union-attr]
    told = ", ".join(f"{OURS if value.cell.method == 'ours' else value.cell.method} {value.number.value:.3f}" for value in ranked)  # type: ignore[union-attr]
    cell = own[0].cell
    return f"Pixel accuracy of the {cell.family}'s maps on {cell.group}, best first: {told} (random maps know nothing)."
