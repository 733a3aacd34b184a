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
from bench.studies.certify.settings import CertifySettings, Measured, claim, span
from runtime.certificates import certify
from runtime.certificates.certify import ABSTAIN, Label, Top
from runtime.fuse import Fused

TAU = 0.75  # of all draws must have a cell in, or out


@dataclass(frozen=True)
class Certificate:
    """`printed_p`, `printed_q`: Algorithm 2's radii, without confidence."""

    row: Certified
    label: Label
    top: Top
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
    return Certificate(
        row,
        label(row, settings, measured.sigma),
        top(row, settings, measured),
        certify.paper_label(np.array(row.votes), measured.sigma),
        certify.paper_top(np.array(row.mean), asked),
    )


def label(row: Certified, settings: CertifySettings, sigma: float) -> Label:
    """Cohen's radius under the real noise `sigma`, and P's from the same bound; of adaptive draws the radius that was asked for."""
    selection = np.array(row.selection)
    if settings.radius is None:
        return certify.label(selection, np.array(row.votes), sigma, settings.alpha / 2)
    if not row.answer:
        return Label(ABSTAIN, 0.0, 0.0, 0.0)
    reach = settings.radius * sigma
    return Label(int(selection.argmax()), float(norm.cdf(settings.radius)), reach, reach)


def top(row: Certified, settings: CertifySettings, measured: Measured) -> Top:
    """The k cells, and the radius within which beta k of them stay among the k largest."""
    asked = replace(claim(settings, measured.sigma), alpha=settings.alpha / 2)
    found = certify.top(mean_map(row, measured), 0, asked, span(measured.tokens))
    if settings.radius is None:
        return found
    return Top(found.cells, settings.radius * measured.sigma if row.answer else 0.0)


def cells(row: Certified, settings: CertifySettings) -> Int[ndarray, " T"]:
    """Of each cell of the sparsified map: 1 in, 0 out, -1 abstains."""
    return certify.cells(np.array(row.hits), row.draws, settings.alpha, TAU)


def mean_map(row: Certified, measured: Measured) -> Fused:
    """The row's moments as the fused map of one picture."""
    mean, squares = (torch.tensor(part, dtype=torch.float64).reshape(1, *measured.cells) for part in (row.mean, row.squares))
    return Fused(mean, "mean", row.draws, squares, torch.tensor([row.empty]))
