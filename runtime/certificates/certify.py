"""From votes and maps to certificates; statistics alone, no network. Radii are l2, in pixels in [0, 1] on the grid where the noise was added.

paper   Algorithm 2 as printed, from the observed shares: no confidence, and a top-k radius without a proof. To compare with.
sound   statements that hold with probability >= 1 - alpha over the draws; abstains rather than guesses.

Sound, the label: chosen on selection draws, bounded on the estimation draws (Cohen et al. 2019). The top k: every map with the same mean
keeps at least ceil(beta k) of the k cells within the radius, for whatever mean map the bounds of all cells allow. Both share alpha.
docs/certificates.md has the statements and their proofs.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.stats import binomtest, norm

from runtime.certificates import bounds, divergence
from runtime.errors import FvitError
from runtime.fuse import Fused
from runtime.plugins import known

ABSTAIN = -1
CORRECTIONS = {"holm": bounds.holm, "bonferroni": bounds.bonferroni}


@dataclass(frozen=True)
class Claim:
    """What is to be certified: noise `sigma`, chance `alpha` of being wrong, the `k` top cells and the share `beta` of them that stays."""

    sigma: float
    alpha: float
    k: int
    beta: float

    def __post_init__(self):
        for name in ("alpha", "beta"):
            if not 0 < getattr(self, name) < 1:
                raise FvitError(f"{name} {getattr(self, name)} given; a number between 0 and 1 is expected")
        if not self.sigma > 0 or self.k < 1:
            raise FvitError(f"noise {self.sigma} and k {self.k} given; noise above 0 and at least one cell are expected")

    @property
    def leaving(self) -> int:
        """k0 = floor((1 - beta) k) + 1: so many of the k must leave before fewer than beta k are left."""
        return math.floor((1 - Fraction(str(self.beta))) * self.k) + 1


@dataclass(frozen=True)
class Label:
    """`label` -1: abstains. `radius` is Cohen's, `renyi` that of P from the same bound, never larger."""

    label: int
    share: float
    radius: float
    renyi: float


@dataclass(frozen=True)
class Top:
    """The `cells` (k,) that were certified, the largest first; radius 0: abstains."""

    cells: tuple[int, ...]
    radius: float


def label(selection: Int[ndarray, " K"], votes: Int[ndarray, " K"], sigma: float, alpha: float) -> Label:
    """The label that most of the `selection` draws chose, bounded on other draws' `votes`: sigma Phi^-1(lower bound), or abstention."""
    chosen, n = int(np.argmax(selection)), _count(votes)
    share = bounds.lower(int(votes[chosen]), n, alpha)
    if share < 0.5:
        return Label(ABSTAIN, share, 0.0, 0.0)
    return Label(chosen, share, sigma * float(norm.ppf(share)), _pair_radius(share, 1.0 - share, sigma))


def predict(votes: Int[ndarray, " K"], alpha: float) -> int:
    """The label with most votes, -1 where a two-sided test does not tell it from the second (Cohen et al. 2019, PREDICT)."""
    second, first = (int(count) for count in np.sort(votes)[-2:])
    return int(np.argmax(votes)) if binomtest(first, first + second, 0.5).pvalue <= alpha else ABSTAIN


def top(fused: Fused, picture: int, claim: Claim, span: float = 1.0) -> Top:
    """The k largest cells of a mean map and the radius within which at least beta k of them stay on top, at level claim.alpha.

    By the least Renyi divergence; `maps.top` has the bound that gives larger radii. `span`: the largest value of a cell in one draw. Only mean
    maps are accepted.
    """
    if fused.squares is None:
        raise FvitError(f"a map fused by {fused.fuse} given; this bound is of a mean map, whose mean squares are kept", needs="mean")
    mean, squares = (part[picture].flatten().double().cpu().numpy() for part in (fused.maps, fused.squares))
    _map(mean, claim)
    reach = bounds.bernstein(mean, squares, fused.draws, claim.alpha / (2 * len(mean)), span)  # both sides: the cells chose themselves
    cells = np.argsort(-mean, kind="stable")[: claim.k]
    return Top(tuple(cells.tolist()), topk_radius(mean - reach, mean + reach, cells, claim))


def topk_radius(low: Float[ndarray, " T"], high: Float[ndarray, " T"], cells: Int[ndarray, " K"], claim: Claim) -> float:
    """The radius within which at least beta k of `cells` stay on top, for every mean map between `low` and `high`; infinite if no map can do else."""
    outside = np.setdiff1d(np.arange(len(low)), cells)
    count = claim.leaving
    if count > len(outside):
        return math.inf
    lowest = np.sort(np.clip(low[cells], 0, 1))[:count]
    highest = _filled(np.sort(np.clip(high[outside], 0, 1))[-count:], 1.0 - float(lowest.sum()))
    if lowest.max() <= highest.min():  # at every order
        return 0.0
    rate = divergence.best(lambda order: divergence.true_rate(lowest, highest, order), divergence.ORDERS)
    return claim.sigma * math.sqrt(2 * rate)


def paper_label(votes: Int[ndarray, " K"], sigma: float) -> float:
    """P of Algorithm 2 from the observed shares: infinite when all draws agree, 0 on a tie."""
    second, first = np.sort(votes)[-2:] / _count(votes)
    return _pair_radius(float(first), float(second), sigma)


def paper_top(mean: Float[ndarray, " T"], claim: Claim) -> float:
    """Q of Algorithm 2 from the observed mean map, sorted by itself; infinite where fewer than k0 cells lie below the top k."""
    _map(mean, claim)
    ordered, count = np.sort(mean)[::-1], claim.leaving
    if count > len(mean) - claim.k:
        return math.inf
    inside, below = ordered[claim.k - count : claim.k], ordered[claim.k : claim.k + count]
    rate = divergence.best(lambda order: divergence.printed_rate(inside, below, order), divergence.ABOVE_ONE, shift=1.0)
    return claim.sigma * math.sqrt(2 * rate)


def cells(hits: Int[ndarray, " T"], n: int, alpha: float, tau: float = 0.75, correction: str = "holm") -> Int[ndarray, " T"]:
    """Each cell of the sparsified map: 1 among the top in more than `tau` of all draws, 0 out of it in more than `tau`, -1 abstains.

    `hits` of `n` draws had the cell among their top. All at once at level alpha; within sigma Phi^-1(tau) the majority stays (Fischer et al. 2021).
    """
    if not 0.5 <= tau < 1:
        raise FvitError(f"tau {tau} given; a share of at least 0.5 and below 1 is expected")
    both = np.concatenate([bounds.tail(hits, n, tau), bounds.tail(n - np.asarray(hits), n, tau)])
    kept = CORRECTIONS[known(correction, CORRECTIONS, "correction")](both, alpha).reshape(2, -1)
    return np.where(kept[0], 1, np.where(kept[1], 0, ABSTAIN))


def decided(hits: int, n: int, share: float, alpha: float) -> bool | None:
    """Is the true share above `share`? None: not certain yet. May be asked after every draw: right with probability >= 1 - alpha for good."""
    if bounds.surprise(hits, n, share) < -math.log(alpha):
        return None
    return hits > n * share


def rounded_down(radius: float, digits: int = 4) -> float:
    """A radius as it is printed."""
    return math.floor(radius * 10**digits) / 10**digits if math.isfinite(radius) else radius


def _pair_radius(first: float, second: float, sigma: float) -> float:
    if first <= second:
        return 0.0
    rate = divergence.best(lambda order: divergence.printed_pair(first, second, order), divergence.ABOVE_ONE, shift=1.0)
    return sigma * math.sqrt(2 * rate)


def _filled(cells: ndarray, room: float) -> ndarray:
    """`cells` lowered to one level where they hold more than `room` together: the least unequal shares of it under their bounds."""
    if cells.sum() <= room:
        return cells
    ordered = np.sort(cells)
    below = np.concatenate([[0.0], np.cumsum(ordered)])[:-1]
    levels = (room - below) / np.arange(len(ordered), 0, -1)
    fits = levels <= ordered
    return np.minimum(cells, levels[np.argmax(fits)]) if fits.any() else cells  # none: too much by rounding alone


def _map(mean: ndarray, claim: Claim) -> None:
    if not np.isfinite(mean).all() or mean.min() < 0 or abs(mean.sum() - 1) > 1e-4:
        raise FvitError("a map that is no distribution given; a mean of non-negative maps that each sum to 1 is expected")
    if claim.k >= len(mean):
        raise FvitError(f"k {claim.k} of {len(mean)} cells; fewer than all of them are expected")


def _count(votes: ndarray) -> int:
    if (n := int(votes.sum())) < 2:
        raise FvitError(f"{n} draws given; a certificate needs 2 or more")
    return n
