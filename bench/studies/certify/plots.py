"""Certified accuracy against the radius, and the cells of the first pictures, as PNGs."""

import math
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from bench.pages.drawing import png
from bench.records.campaign import NotHere
from bench.studies.certify import cells, radii
from bench.studies.certify.radii import RADII, Certificate, Certificates
from bench.studies.certify.settings import SPLIT
from bench.worlds import world as worlds

SHOWN = 8  # pictures whose cells are drawn
MOST = 60_000  # bytes of the curves
CURVES: dict[str, tuple[Callable[[Certificate], float], str]] = {
    "label (Cohen's radius)": (RADII["label"], "-"),
    "top k of the map": (RADII["top k"], "-"),
    "both": (RADII["both"], "--"),
    "min{P, Q} as printed, no confidence": (lambda one: one.printed, ":"),
}


def all_of(campaign: Certificates) -> dict[str, bytes]:
    """File name -> PNG. No cells where draws stopped by themselves: they answer one question, and this would be another."""
    if campaign.settings.adaptive:
        return {"certified_accuracy_adaptive.png": curves(campaign)}
    return {"certified_accuracy.png": curves(campaign), "certify_cells.png": cells.draw(_shown(campaign))}


def curves(campaign: Certificates) -> bytes:
    """Certified accuracy against the l2 radius: of the label, of the top k, of both; Algorithm 2's min{P, Q} dotted."""
    figure, found, sigma = Figure(figsize=(7, 4), layout="constrained"), campaign.found, campaign.measured.sigma
    axes = figure.subplots()
    reached = (radius(one) for radius, _ in CURVES.values() for one in found)
    most = max(2.5 * sigma, *filter(math.isfinite, reached))
    grid = [most * i / 400 for i in range(401)]
    for name, (radius, line) in CURVES.items():
        right = [radius(one) if one.right else -1.0 for one in found]
        axes.plot(grid, [100 * sum(reach >= r and reach > 0 for reach in right) / len(found) for r in grid], line, label=name)
    title = f"n = {len(found)}, sigma {sigma:.3f}"
    axes.set(xlabel="l2 radius, pixels in [0, 1]", ylabel="certified accuracy (%)", ylim=(0, 102), title=title)
    axes.grid(True, alpha=0.3)
    axes.legend(fontsize=8)
    return png(figure, MOST)


def _shown(campaign: Certificates) -> list[cells.Shown]:
    """The first pictures; without the pictures themselves where they are the user's files."""
    settings, first, shape = campaign.settings, campaign.found[:SHOWN], campaign.measured.cells
    world = worlds.open(settings.world)
    try:
        images = list(world.pictures(settings.task, SPLIT, [one.row.picture for one in first], world.backbone(settings.backbone)).images)
    except NotHere:
        images = [None] * len(first)
    maps = [(np.array(one.row.mean).reshape(shape), radii.cells(one.row, settings).reshape(shape)) for one in first]
    titles = [f"{settings.task} {one.row.picture}" for one in first]
    return [cells.Shown(title, image, *pair) for title, image, pair in zip(titles, images, maps, strict=True)]
