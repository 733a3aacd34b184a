"""Figure 3: perturbation AUCs of every method against the attack's radius (a, b); accuracy for each noise of the defence (c)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.pages.drawing import png
from bench.tables import _robust
from bench.tables._rows import ours
from bench.trials.grid import Cell, Grid, Value, methods
from bench.trials.settings import Settings
from bench.trials.trial import Trial
from bench.worlds.attack import Threat
from bench.worlds.defence import Defence

RADII = (0, 2, 4, 6, 8, 10, 16, 32)  # of 255, of (a) and (b)
DELTAS, ACCURACY_RADII = (4, 6, 8, 10, 12), (0, 2, 4, 6, 8, 10)  # of 255, of (c)
AT = 8  # of 255: where the other readings of the AUCs are shown
AUCS = {
    "positive_auc": "a: positive perturbation, P-AUC (small is good)",
    "negative_auc": "b: negative perturbation, P-AUC (large is good)",
}
SENSITIVITY = "c: accuracy, by the defence's nominal sigma"
READINGS = {
    "x = 0 as well": ":zero=true",
    "public code: trapz from 0, not divided": ":zero=true:divided=false",
    "shown picture": ":picture=shown",
    "shown picture, x = 0 as well": ":picture=shown:zero=true",
}
MOST = 120_000  # bytes of the plot
ABOUT = f"""PGD l_inf on the undefended network. a, b: area under the undefended classifier's accuracy on the clean picture while 10 to 90 % of its
pixels are blackened in the order of the attacked picture's map, divided by that range; the paper states the range and not the rest, so other
readings stand below at {AT}/255: with the whole picture (x = 0) as a first point; the public code's undivided trapezoids over 0 to 0.9; and on the
attacked picture as it was shown, where the undefended classifier is wrong before anything is blackened. c: majority of the draws. The paper
prints curves alone: no numbers stand beside ours."""


def cells(settings: Settings) -> list[Cell]:
    found = []
    for metric, group in AUCS.items():
        for radius in RADII:
            found += _methods(settings, radius, metric, f"{radius}/255", group)
        for column, options in READINGS.items():
            found += _methods(settings, AT, metric + options, column, f"{group[0]}, other readings at {AT}/255")
    return found + _sensitivity(settings)


def _methods(settings: Settings, radius: int, metric: str, column: str, group: str) -> list[Cell]:
    scene = settings.scene
    threat = Threat("pgd", "linf", radius / 255, settings.made.rule_for(scene.task)) if radius else None
    plain = Trial(scene.main, scene.task, settings.n, threat=threat)
    rows = [(method, method, plain, spec) for method, spec in methods(settings).items()]
    rows += [(shown, method, replace(plain, defence=defence), "vta") for shown, method, defence in ours(settings)]
    shared: dict[str, Any] = {"group": group, "radius": radius / 255, "norm": "linf"}
    return [Cell(row, column, metric, trial, spec, method=method, **shared) for row, method, trial, spec in rows]


def _sensitivity(settings: Settings) -> list[Cell]:
    rows = [("vanilla", "vanilla", Defence())]
    for delta in DELTAS:
        rows += [(f"{shown}, {delta}/255", f"{method} {delta}", defence) for shown, method, defence in ours(settings, delta / 255)]
    rows += [(f"{shown}, the preset's own", method, defence) for shown, method, defence in ours(settings)]
    return [
        _robust.cell(settings, row, "pgd", radius, defence, method=method, group=SENSITIVITY)
        for row, method, defence in rows
        for radius in ACCURACY_RADII
    ]


def plot(values: Sequence[Value]) -> bytes:
    """Three panels, their curves named below each; bars: 95 % intervals; dashed: the second row of ours, in the colour of the first."""
    figure = Figure(figsize=(14, 6.2), layout="constrained")
    for axes, group in zip(figure.subplots(1, 3), (*AUCS.values(), SENSITIVITY), strict=True):
        own = [value for value in values if value.cell.group == group and value.number]
        colours = list(dict.fromkeys(_first_row(value.cell) for value in own))
        for number, row in enumerate(dict.fromkeys(value.cell.row for value in own)):
            curve = [value for value in own if value.cell.row == row]
            _curve(axes, curve, 0.1 * number, colours.index(_first_row(curve[0].cell)))
        axes.set(title=group, xlabel="radius of PGD l_inf (of 255)", ylim=(-0.03, 1.03))
        axes.title.set_fontsize(9)
        axes.grid(True, alpha=0.3)
        if own:
            axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)
    return png(figure, MOST)


def _first_row(cell: Cell) -> str:
    """The method whose colour the cell's row has."""
    return cell.method.replace(" literal", "")


def _curve(axes: Axes, own: Sequence[Value], aside: float, colour: int) -> None:
    """`aside` keeps one curve's bars from another's."""
    points = [(255 * (value.cell.radius or 0.0), value.number) for value in own if value.number]
    reach = [[one.value - one.low for _, one in points], [one.high - one.value for _, one in points]]
    cell, at = own[0].cell, [radius + aside for radius, _ in points]
    line, shade = "-" if cell.method == _first_row(cell) else "--", colormaps["tab10"](colour % 10)
    middles = [one.value for _, one in points]
    axes.errorbar(at, middles, reach, fmt=line, marker="o", markersize=3, capsize=2, color=shade, label=cell.row)


TABLE = Grid("figure3", "perturbation AUC and accuracy against the radius (Figure 3)", ABOUT, cells, plot=plot)
