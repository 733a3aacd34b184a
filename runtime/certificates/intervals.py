"""What a smoothed map can be at a distance, from how often each cell of one draw's map was above fixed levels; and the radius that follows.

An event A of one draw, such as {cell i > t}, is a set of noisy pictures, so for |x' - x|_2 = r sigma the lemma of Neyman and Pearson gives

    Phi(Phi^-1(P(A)) - r)  <=  P'(A)  <=  Phi(Phi^-1(P(A)) + r)

P at x, P' at x' (Cohen et al. 2019, lemma 4). A cell in [0, b] is the integral of such probabilities over t, so with levels 0 = t_0 < t_1 < ...
< t_m < t_(m+1) = b that no draw has chosen

    sum_j (t_j - t_(j-1)) P'(e_i > t_j)  <=  E' e_i  <=  t_1 + sum_j (t_(j+1) - t_j) P'(e_i > t_j)

(Kumar et al., Certifying Confidence via Randomized Smoothing, 2020, section 4). docs/certificates.md has the statements and their proofs.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float, Int, Real
from numpy import ndarray
from scipy.special import ndtr, ndtri

from runtime.certificates import bounds
from runtime.certificates.certify import Claim, Top
from runtime.errors import FvitError

FARTHEST, PRECISION = 8.0, 1e-4  # sigmas: where the search for a radius ends, and how near it comes


class Ranges(Protocol):
    """Every cell of a smoothed map between two numbers, at any distance `reach` (in sigmas) from the picture that the draws were made of."""

    def at(self, reach: float) -> tuple[Float[ndarray, " T"], Float[ndarray, " T"]]: ...


@dataclass(frozen=True)
class Sums:
    """`lower` and `upper`: bounds of M probabilities of each of T cells; a cell is at least the sum of `down` times its lower ones, and at most
    `floor` and the sum of `up` times its upper ones."""

    lower: Float[ndarray, "M T"]
    upper: Float[ndarray, "M T"]
    down: Float[ndarray, " M"]
    up: Float[ndarray, " M"]
    floor: float = 0.0

    def at(self, reach: float) -> tuple[ndarray, ndarray]:
        return self.down @ shifted(self.lower, -reach), self.floor + self.up @ shifted(self.upper, reach)


@dataclass(frozen=True)
class Quantiles:
    """Of the cell-wise median: `levels` (M,) and bounds of the probabilities of being above each. The median lies above a level that more than
    half of the draws are above."""

    lower: Float[ndarray, "M T"]
    upper: Float[ndarray, "M T"]
    levels: Float[ndarray, " M"]
    span: float

    def at(self, reach: float) -> tuple[ndarray, ndarray]:
        above, below = ndtri(self.lower) > reach, ndtri(self.upper) < -reach
        levels = self.levels[:, None]
        return np.where(above, levels, 0.0).max(0), np.where(below, levels, self.span).min(0)


def of_mean(exceeded: Int[ndarray, "M T"], n: int, at: Float[ndarray, " M"], span: float, alpha: float) -> Sums:
    """Of the mean map of cells in [0, `span`]: `exceeded` of `n` draws had the cell above each of the levels `at`. All at once at level `alpha`."""
    _levels(at, span, exceeded)
    edges = np.concatenate([[0.0], at, [span]])
    return Sums(*shares(exceeded, n, alpha), edges[1:-1] - edges[:-2], edges[2:] - edges[1:-1], float(at[0]))


def of_moments(mean: Float[ndarray, " T"], squares: Float[ndarray, " T"], n: int, span: float, alpha: float) -> Sums:
    """Of the mean map again, from its mean and mean squares alone: a cell over its `span` is in [0, 1], which the lemma holds for too."""
    reach = bounds.bernstein(mean, squares, n, alpha / (2 * len(mean)), span)
    lower, upper = (np.clip(part / span, 0.0, 1.0)[None] for part in (mean - reach, mean + reach))
    return Sums(lower, upper, np.array([span]), np.array([span]))


def of_votes(hits: Int[ndarray, " T"], n: int, alpha: float) -> Sums:
    """Of the vote map, the probability of a cell to be among a draw's own top k: it was in `hits` of `n` draws."""
    return Sums(*shares(hits[None], n, alpha), np.ones(1), np.ones(1))


def of_median(exceeded: Int[ndarray, "M T"], n: int, at: Float[ndarray, " M"], span: float, alpha: float) -> Quantiles:
    """Of the cell-wise median, between neighbouring levels of `at`."""
    _levels(at, span, exceeded)
    return Quantiles(*shares(exceeded, n, alpha), at, span)


def shares(hits: Int[ndarray, "M T"], n: int, alpha: float) -> tuple[Float[ndarray, "M T"], Float[ndarray, "M T"]]:
    """Clopper and Pearson's bounds of all probabilities at once: 2 M T bounds, each at alpha / (2 M T)."""
    if n < 1 or hits.min() < 0 or hits.max() > n:
        raise FvitError(f"{hits.min()} to {hits.max()} hits of {n} draws given; 0 to {n} of 1 draw or more are expected")
    part = alpha / (2 * hits.size)
    return bounds.lowers(hits, n, part), 1.0 - bounds.lowers(n - hits, n, part)


def shifted(share: Float[ndarray, "*S"], by: float) -> Float[ndarray, "*S"]:
    """Phi(Phi^-1(share) + by)."""
    return ndtr(ndtri(share) + by)


def radius(ranges: Ranges, cells: Int[ndarray, " K"], claim: Claim) -> float:
    """Within which at least beta k of `cells` stay among the k largest, in pixels; 0 abstains, infinity where too few others are left to enter.

    k0 of the cells leave only where k0 others come to lie at least as high: not while the k0-th smallest lower bound of the cells is above the
    k0-th largest upper bound of the others. Bisection; the result is the lower end.
    """
    low = ranges.at(0.0)[0]
    if not 1 <= claim.k == len(cells) < len(low):
        raise FvitError(f"{len(cells)} cells of {len(low)} named and k {claim.k} given; k cells, fewer than all, are expected")
    count = claim.leaving
    if count > len(low) - claim.k:
        return math.inf
    outside = np.setdiff1d(np.arange(len(low)), cells)

    def holds(reach: float) -> bool:
        low, high = ranges.at(reach)
        return bool(np.partition(low[cells], count - 1)[count - 1] > -np.partition(-high[outside], count - 1)[count - 1])

    if not holds(0.0):
        return 0.0
    near, far = 0.0, FARTHEST
    while far - near > PRECISION:
        middle = (near + far) / 2
        near, far = (middle, far) if holds(middle) else (near, middle)
    return claim.sigma * near


def top(ranges: Ranges, score: Real[ndarray, " T"], ties: Real[ndarray, " T"], claim: Claim) -> Top:
    """The k cells of the largest `score`, equal ones by `ties`, then in reading order, and their radius; all ranges hold whatever is named."""
    if not (np.isfinite(score).all() and np.isfinite(ties).all()):
        raise FvitError("a map with NaN or infinity given; finite numbers are expected: check the network's weights and precision")
    cells = np.lexsort((np.arange(len(score)), -ties, -score))[: claim.k]
    return Top(tuple(cells.tolist()), radius(ranges, cells, claim))


def surely_inside(ranges: Ranges, k: int, reach: float) -> Bool[ndarray, " T"]:
    """The cells that are certainly among the k largest at every distance up to `reach`: fewer than k others can lie as high."""
    low, high = ranges.at(reach)
    rivals = (high[None, :] >= low[:, None]).sum(1) - 1  # the cell's own upper bound is among them
    return rivals < k


def shared(ranges: Ranges, reach: float) -> float:
    """Lower bound of 1 - |w' - w|_1 / 2 of two maps that sum to 1, `reach` apart: the larger of the bound from the draws and that of any map.

    sum_i min(w_i, w'_i) is at least the sum of the lower bounds at `reach`; and it is at least 2 Phi(-reach / 2) for whatever map, by data
    processing: the total variation of two Gaussians that far apart.
    """
    return float(max(ranges.at(reach)[0].sum(), shared_by_any(reach)))


def shared_by_any(reach: float) -> float:
    return float(2 * ndtr(-reach / 2))


def s_faith(ranges: Ranges, reach: float) -> float:
    """Lower bound of 1 / mean |a - b|, a and b the maps at the picture and `reach` away, each brought to [0, 1] by its least and largest cell."""
    first, second = (_scaled(*ranges.at(distance)) for distance in (0.0, reach))
    apart = np.maximum(first[1] - second[0], second[1] - first[0])
    mean = float(np.clip(apart, 0.0, 1.0).mean())
    return math.inf if mean == 0 else 1.0 / mean


def _scaled(low: ndarray, high: ndarray) -> tuple[ndarray, ndarray]:
    """Bounds of (w - min w) / (max w - min w): it rises with the cell, falls with the least and with the largest cell."""
    least, largest = (low.min(), high.min()), (low.max(), high.max())
    with np.errstate(divide="ignore", invalid="ignore"):
        down = (low - least[1]) / (largest[1] - least[1])
        up = (high - least[0]) / (largest[0] - least[0])
    return np.clip(np.nan_to_num(down, nan=0.0), 0.0, 1.0), np.clip(np.nan_to_num(up, nan=1.0), 0.0, 1.0)


def _levels(at: ndarray, span: float, exceeded: ndarray) -> None:
    if len(at) != len(exceeded) or not (np.diff(at) > 0).all() or not 0 < at[0] <= at[-1] < span:
        raise FvitError(
            f"{len(at)} levels from {at[0]:g} to {at[-1]:g} given for {len(exceeded)} counts; as many are expected, rising, between 0 and {span:g}"
        )
