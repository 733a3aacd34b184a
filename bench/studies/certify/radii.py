"""From one picture's row to its certificates: labels, radii, cells. Statistics alone: a corrected theorem needs no new draws.

Radii are l2, in pixels in [0, 1]. Draws that stopped by themselves support the radius that was asked for and nothing finer.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int
from numpy import ndarray
from scipy.stats import norm

from bench.records.campaign import head_of
from bench.records.rows import AnyRow, Beyond, Certified, Head
from bench.studies.certify.settings import CertifySettings, Measured, claim
from runtime.certificates import certify, maps
from runtime.certificates.certify import ABSTAIN, Label, Top
from runtime.fuse import Fused
from runtime.names import BOUNDS

TAU = 0.75  # of all draws must have a cell in, or out


@dataclass(frozen=True)
class Certificate:
    """`top`: of the capped mean map by the campaign's bound; `tops`: by every bound that the row's counts support, and of the vote and the
    median map, each claim by itself. `printed_p`, `printed_q`: Algorithm 2's radii, without confidence."""

    row: Certified
    label: Label
    top: Top
    tops: dict[str, Top]
    printed_p: float
    printed_q: float

    @property
    def right(self) -> bool:
        return self.label.label == self.row.label

    @property
    def both(self) -> float:
        return min(self.label.radius, self.top.radius)

    @property
    def printed(self) -> float:
        return min(self.printed_p, self.printed_q)


RADII: dict[str, Callable[[Certificate], float]] = {
    "label": lambda found: found.label.radius,
    "top k": lambda found: found.top.radius,
    "both": lambda found: found.both,
}


def reach(found: Certificate, radius: str) -> float:
    """The radius that is attacked: `printed`, `sound` or `label`; 0 where the picture has none, or another label than the right one."""
    if radius == "printed":
        right = int(np.argmax(found.row.votes)) == found.row.label
        return found.printed if right and math.isfinite(found.printed) else 0.0
    return (found.both if radius == "sound" else found.label.radius) if found.right else 0.0


@dataclass(frozen=True)
class Certificates:
    """Of one campaign: `found` in the order of the pictures, and the attacks within and `beyond` their radii."""

    head: Head
    settings: CertifySettings
    measured: Measured
    found: list[Certificate]
    beyond: list[Beyond]

    @property
    def kinds(self) -> list[str]:
        """Which of RADII: draws that stopped by themselves answer one question, about label and map together."""
        return ["both"] if self.settings.adaptive else list(RADII)


def read(rows: Sequence[AnyRow]) -> Certificates:
    """What the rows of one campaign certify."""
    head = head_of(rows)
    settings, measured = CertifySettings.read(head.settings), Measured.read(head.facts)
    drawn = sorted((row for row in rows if isinstance(row, Certified)), key=lambda row: row.picture)
    found = [certificate(row, settings, measured) for row in drawn]
    return Certificates(head, settings, measured, found, [row for row in rows if isinstance(row, Beyond)])


def certificate(row: Certified, settings: CertifySettings, measured: Measured) -> Certificate:
    """Everything that is claimed of one picture."""
    asked = claim(settings, measured.sigma)
    tops = {} if settings.adaptive else _tops(row, settings, measured)
    return Certificate(
        row, label(row, settings, measured.sigma), _top(row, settings, measured, tops), tops,
        certify.paper_label(np.array(row.votes), measured.sigma), certify.paper_top(np.array(row.mean), asked),
    )  # fmt: skip


def label(row: Certified, settings: CertifySettings, sigma: float) -> Label:
    """Cohen's radius under the real noise `sigma`, and P's from the same bound; of adaptive draws the radius that was asked for."""
    selection = np.array(row.selection)
    if settings.radius is None:
        return certify.label(selection, np.array(row.votes), sigma, settings.alpha / 2)
    if not row.answer:
        return Label(ABSTAIN, 0.0, 0.0, 0.0)
    reach = settings.radius * sigma
    return Label(int(selection.argmax()), float(norm.cdf(settings.radius)), reach, reach)


def _tops(row: Certified, settings: CertifySettings, measured: Measured) -> dict[str, Top]:
    """The k cells of every map and bound, and the radius within which beta k of them stay among the k largest."""
    asked, made = replace(claim(settings, measured.sigma), alpha=settings.alpha / 2), fused_maps(row, measured)
    bounds = {name: ("capped_mean", name) for name in BOUNDS if name != "thresholds" or row.exceeded}
    bounds |= {name: (name, BOUNDS[0]) for name in ("vote", "median") if name in made}
    return {shown: maps.top(made[fuse], 0, asked, bound, np.array(row.mean)) for shown, (fuse, bound) in bounds.items()}


def _top(row: Certified, settings: CertifySettings, measured: Measured, tops: dict[str, Top]) -> Top:
    """Of the campaign's bound; of adaptive draws the radius that was asked for."""
    if settings.radius is None:
        return tops[settings.bound]
    cells = np.argsort(-np.array(row.mean), kind="stable")[: settings.k]
    return Top(tuple(cells.tolist()), settings.radius * measured.sigma if row.answer else 0.0)


def cells(row: Certified, settings: CertifySettings) -> Int[ndarray, " T"]:
    """Of each cell of the sparsified map: 1 in, 0 out, -1 abstains."""
    return certify.cells(np.array(row.hits), row.draws, settings.alpha, TAU)


def fused_maps(row: Certified, measured: Measured) -> dict[str, Fused]:
    """The row's maps as the fused maps of one picture, by fuse."""
    shape, empty = (1, *measured.cells), torch.tensor([row.empty])

    def grid(cells: Sequence) -> torch.Tensor:
        return torch.tensor(cells, dtype=torch.float64).reshape(shape)

    def counts(levels: list[list[int]]) -> torch.Tensor | None:
        return torch.tensor(levels).reshape(1, len(levels), *measured.cells) if levels else None

    found = {"capped_mean": Fused(grid(row.mean), "capped_mean", row.draws, grid(row.squares), empty, None, counts(row.exceeded))}
    if row.chosen:
        hits = torch.tensor(row.chosen).reshape(shape)
        found["vote"] = Fused(hits / row.draws, "vote", row.draws, None, empty, hits)
    if row.above:
        found["median"] = Fused(grid(_middle(row)), "median", row.draws, None, empty, None, counts(row.above))
    return found


def _middle(row: Certified) -> list[int]:
    """Of each cell the number of levels that more than half of the draws were above: it orders cells as the median does, level by level."""
    return (np.array(row.above) > row.draws / 2).sum(0).tolist()
