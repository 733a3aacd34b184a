"""Maps and bounds side by side, and what the same intervals certify besides the top k: ranges, localisation, likeness. From rows alone."""

import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from numpy import ndarray

from bench.pages.drawing import png, show_map
from bench.pages.page import percent, section, table
from bench.records.stats import wilson
from bench.studies.certify.radii import Certificate, Certificates, fused_maps
from runtime.certificates import intervals, maps
from runtime.certificates.certify import rounded_down
from runtime.certificates.intervals import Ranges

STEPS, REACHES = (0.1, 0.25, 0.5, 1.0), (0.25, 0.5, 1.0)  # sigmas
NAMES = {
    "thresholds": "mean map, thresholds", "mean": "mean map, its mean alone", "renyi": "mean map, Renyi", "vote": "vote map",
    "median": "median map",
}  # fmt: skip
SHOWN, DRAWN, MOST = 8, 0.5, 160_000  # pictures whose ranges are drawn, at so many sigmas, and bytes of the drawing


class Extra(NamedTuple):
    """Of one picture at one distance: bounds of its largest cell, `named` cells surely on top and those `on` the object, `shared` relevance
    (`drawn`: the draws' own bound of it), `faith` the lower bound of S_Faith."""

    low: float
    high: float
    named: int
    on: int
    shared: float
    drawn: float
    faith: float


def text(campaign: Certificates) -> str:
    """Both tables; nothing for rows from before thresholds were counted, or of draws that stopped by themselves."""
    return "\n".join([_compared(campaign), _extras(campaign)]) if _counted(campaign) else ""


def shares(campaign: Certificates) -> list[tuple]:
    """(metric, map and bound, sigmas, pixels, hits, n) of every number of the first table."""
    sigma, count = campaign.measured.sigma, len(campaign.found)
    names = campaign.found[0].tops if _counted(campaign) else ()
    return [
        ("map certified, label right", NAMES[name], step, step * sigma, _hits(campaign, name, step), count)
        for name in names
        for step in STEPS
    ]


def _counted(campaign: Certificates) -> bool:
    return bool(campaign.found) and not campaign.settings.adaptive and all(one.row.exceeded for one in campaign.found)


def _hits(campaign: Certificates, name: str, step: float) -> int:
    least = step * campaign.measured.sigma * (1 - 1e-9)
    return sum(one.right and one.tops[name].radius >= least for one in campaign.found)


def _compared(campaign: Certificates) -> str:
    sigma, lines = campaign.measured.sigma, []
    for name in campaign.found[0].tops:
        reached = [one.tops[name].radius / sigma for one in campaign.found]
        held = [percent(wilson(_hits(campaign, name, step), len(reached))) for step in STEPS]
        lines.append([NAMES[name], f"{rounded_down(median(reached), 3):.3f}", *held])
    told = (
        "The same draws, label right required; each line is a claim by itself. The mean map's claim is about draws' maps capped at 8 times the even "
        "share; vote (how often a cell is among a draw's own top k) and median (cell by cell, between neighbouring levels) need no cap and are other "
        "maps.\n"
    )
    names = ["map, bound", "median radius, sigmas", *(f"{step:g} sigma" for step in STEPS)]
    return section("Maps and bounds", told, table(names, lines))


def extras(one: Certificate, ranges: Ranges, reach: float, k: int) -> Extra:
    """What the ranges of one picture's mean map say at `reach` sigmas."""
    low, high = ranges.at(reach)
    largest, inside = one.top.cells[0], intervals.surely_inside(ranges, k, reach)
    on = np.array(one.row.covered) > 0 if one.row.covered else np.zeros(len(low), bool)
    return Extra(
        float(low[largest]), float(high[largest]), int(inside.sum()), int((inside & on).sum()), intervals.shared(ranges, reach),
        float(low.sum()), intervals.s_faith(ranges, reach),
    )  # fmt: skip


def of(one: Certificate, campaign: Certificates) -> Ranges:
    """The ranges of a picture's mean map, at the level of its top k."""
    return maps.ranges(fused_maps(one.row, campaign.measured)["capped_mean"], 0, campaign.settings.alpha / 2)


def _extras(campaign: Certificates) -> str:
    k, lines = campaign.settings.k, []
    each = [(one, of(one, campaign)) for one in campaign.found]
    masked = all(one.row.covered for one in campaign.found)
    for reach in REACHES:
        found = [extras(one, ranges, reach, k) for one, ranges in each]

        def middle(value: Callable[[Extra], float], found: Sequence[Extra] = found) -> float:
            return median(map(value, found))

        helps = sum(extra.drawn > intervals.shared_by_any(reach) for extra in found)
        faith = middle(lambda extra: extra.faith)
        lines.append([
            f"{reach:g} sigma", f"{100 * middle(lambda extra: extra.low):.1f} to {100 * middle(lambda extra: extra.high):.1f} %",
            f"{sum(extra.named for extra in found) / len(found):.1f} of {k}",
            f"{sum(extra.on for extra in found) / len(found):.1f}" if masked else "no masks",
            f"{rounded_down(middle(lambda extra: extra.shared), 3):.3f}", f"{helps} of {len(found)}",
            f"{rounded_down(faith, 2):.2f}" if math.isfinite(faith) else "inf",
        ])  # fmt: skip
    told = (
        "From the intervals of the mean map by thresholds, all at once with its top k. Largest cell: between what its share of the relevance lies "
        "(medians over pictures). Surely on top: cells that no map within the intervals drops from the k largest, and those of them that touch the "
        "object. Shared relevance 1 - |w' - w| / 2: at least 2 Phi(-r / 2) for any map, without a draw; the column after counts the pictures for "
        "which the draws say more. S_Faith: lower bound of 1 / mean |a - b| of both maps on [0, 1], on the grid of cells.\n"
    )
    names = ["at", "largest cell", "surely on top", "on the object", "shared relevance", "draws add to it", "S_Faith at least"]
    return section("Ranges, localisation, likeness", told, table(names, lines))


def draw(campaign: Certificates) -> dict[str, bytes]:
    """The bounds of every cell of the first pictures' maps, DRAWN sigmas away."""
    if not _counted(campaign):
        return {}
    first, shape = campaign.found[:SHOWN], campaign.measured.cells
    figure = Figure(figsize=(1.5 * len(first) + 0.4, 5.4), layout="constrained")
    axes = figure.subplots(3, len(first), squeeze=False)
    for column, one in zip(axes.T, first, strict=True):
        low, high = of(one, campaign).at(DRAWN)
        rows: list[tuple[str, Float[ndarray, " T"]]] = [
            (f"{campaign.settings.task} {one.row.picture}: mean", np.array(one.row.mean)), ("at least", low), ("at most", high),
        ]  # fmt: skip
        for axis, (title, cells) in zip(column, rows, strict=True):
            show_map(axis, torch.from_numpy(cells.reshape(shape)), f"{title}, {100 * cells.max():.0f} %", 64)
    figure.suptitle(f"Each cell's share of the relevance within {DRAWN:g} sigma (title: the largest cell)", fontsize=9)
    return {"certify_ranges.png": png(figure, MOST)}
