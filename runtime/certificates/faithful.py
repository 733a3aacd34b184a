"""Definition 4.2 of the paper, put to one picture x and one changed copy x' of it: do top cells and votes differ by more than it allows?

    V_k(w(x'), w(x)) >= beta   and   D_a(y(x) | y(x')) <= gamma   for every x' with |x' - x|_2 <= R

w is the smoothed map, y the distribution of the votes. One x' can break this and none can show that it holds, so there are bounds of both
numbers, from the draws at x and at x', and no verdict but "broken" and "not broken". docs/certificates.md derives them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from runtime.certificates import bounds
from runtime.errors import FvitError


@dataclass(frozen=True)
class Definition:
    """The numbers of Definition 4.2: share `beta` of the `k` top cells that has to stay, and the largest divergence `gamma`, of each of `orders`."""

    k: int
    beta: float
    gamma: float
    orders: tuple[float, ...] = (1.5, 2.0, 4.0)

    def __post_init__(self):
        if self.k < 1:
            raise FvitError(f"k {self.k} given; at least one cell is expected")
        if not 0 < self.beta < 1:
            raise FvitError(f"beta {self.beta} given; a number between 0 and 1 is expected")
        if not (math.isfinite(self.gamma) and self.gamma > 0):
            raise FvitError(f"gamma {self.gamma} given; a divergence above 0 is expected")
        if not self.orders or not all(math.isfinite(order) and order > 1 for order in self.orders):
            raise FvitError(f"orders {', '.join(map(str, self.orders)) or 'none'} given; one or more numbers above 1 are expected")


@dataclass(frozen=True)
class Side:
    """The draws at one picture: `votes` (K,) by label, `mean` and mean `squares` (T,) of the cells, each in [0, `span`] in every draw."""

    votes: Int[ndarray, " K"]
    mean: Float[ndarray, " T"]
    squares: Float[ndarray, " T"]
    span: float = 1.0

    @property
    def draws(self) -> int:
        return int(self.votes.sum())


class Bounds(NamedTuple):
    """Two numbers between which the true one lies."""

    low: float
    high: float


@dataclass(frozen=True)
class PairBounds:
    """`overlap`: of V_k; `divergence`: of D_a, by order."""

    overlap: Bounds
    divergence: dict[float, Bounds]

    def broken(self, asked: Definition) -> tuple[str, ...]:
        """What is certainly broken: "top k", and "D_a" for each order; empty: nothing by this picture."""
        tops = ("top k",) if self.overlap.high < asked.beta else ()
        return (*tops, *(f"D_{order:g}" for order, bound in self.divergence.items() if bound.low > asked.gamma))


def compare(x: Side, moved: Side, asked: Definition, alpha: float, reach: float = math.inf) -> PairBounds:
    """All bounds at once, right with probability >= 1 - `alpha` over the draws of both sides. `reach`: |x' - x|_2 / sigma."""
    top = overlap_bounds(cells(x, alpha / 4), cells(moved, alpha / 4), asked.k)
    first, second = shares(x.votes, alpha / 4), shares(moved.votes, alpha / 4)
    found = {order: renyi_bounds(first, second, order) for order in asked.orders}
    return PairBounds(top, {order: Bounds(low, min(high, order * reach**2 / 2)) for order, (low, high) in found.items()})


def overlap(x: Float[ndarray, " T"], moved: Float[ndarray, " T"], k: int) -> float:
    """V_k of two maps (Definition 4.1); equal cells rank in reading order."""
    first, second = (set(np.argsort(-one, kind="stable")[:k].tolist()) for one in (x, moved))
    return len(first & second) / k


def cells(side: Side, alpha: float) -> tuple[Float[ndarray, " T"], Float[ndarray, " T"]]:
    """Lower and upper bounds of every cell of the smoothed map, all at once at level `alpha` (empirical Bernstein)."""
    reach = bounds.bernstein(side.mean, side.squares, side.draws, alpha / (2 * len(side.mean)), side.span)
    return side.mean - reach, side.mean + reach


def shares(votes: Int[ndarray, " K"], alpha: float) -> tuple[Float[ndarray, " K"], Float[ndarray, " K"]]:
    """Lower and upper bounds of every label's share, all at once at level `alpha` (Clopper and Pearson, each of 2K at alpha / 2K)."""
    n, each = int(votes.sum()), alpha / (2 * len(votes))
    low = np.array([bounds.lower(int(hits), n, each) for hits in votes])
    return low, np.array([1 - bounds.lower(n - int(hits), n, each) for hits in votes])


def overlap_bounds(x: Sequence[Float[ndarray, " T"]], moved: Sequence[Float[ndarray, " T"]], k: int) -> Bounds:
    """The least and the largest V_k of two maps whose cells lie between (low, high), each side's own."""
    if k >= len(x[0]):
        raise FvitError(f"k {k} of {len(x[0])} cells; fewer than all of them are expected")
    (on, maybe), (on_moved, maybe_moved) = _sorted_out(x[0], x[1], k), _sorted_out(moved[0], moved[1], k)
    off, off_moved = ~(on | maybe), ~(on_moved | maybe_moved)

    def count(first: ndarray, second: ndarray) -> int:
        return int((first & second).sum())

    sure, either = count(on, on_moved), count(maybe, maybe_moved)
    free, free_moved = k - int(on.sum()), k - int(on_moved.sum())  # places on top that undecided cells take
    joining, joining_moved = min(count(maybe, on_moved), free), min(count(on, maybe_moved), free_moved)
    most = sure + joining + joining_moved + min(either, free - joining, free_moved - joining_moved)
    apart = min(count(maybe, off_moved), free) + min(count(off, maybe_moved), free_moved)
    least = sure + max(0, free + free_moved - apart - either)
    return Bounds(least / k, most / k)


def renyi(p: Float[ndarray, " K"], q: Float[ndarray, " K"], order: float) -> float:
    """D_a(p | q) = ln(sum p^a q^(1-a)) / (a - 1), Definition 4.3; infinite where q lacks what p has."""
    held = p > 0
    if (q[held] <= 0).any():
        return math.inf
    logs = order * np.log(p[held]) + (1 - order) * np.log(q[held])
    return max(0.0, float(np.logaddexp.reduce(logs)) / (order - 1))


def renyi_bounds(p: Sequence[Float[ndarray, " K"]], q: Sequence[Float[ndarray, " K"]], order: float) -> Bounds:
    """The least (by two-way splits of the labels) and the largest D_a of distributions between (low, high), each side's own."""
    (p_low, p_high), (q_low, q_high) = p, q
    high = math.inf if (q_low <= 0).any() else float(np.log((p_high**order * q_low ** (1 - order)).sum())) / (order - 1)
    splits = _splits((p_low + p_high) / (q_low + q_high))
    low = 0.0
    for part in splits:
        held = max(p_low[part].sum(), 1 - p_high[~part].sum())
        given = min(q_high[part].sum(), 1 - q_low[~part].sum())
        if held > given:
            low = max(low, renyi(np.array([held, 1 - held]), np.array([given, 1 - given]), order))
    return Bounds(low, max(low, high))


def _splits(ratio: Float[ndarray, " K"]) -> Bool[ndarray, "S K"]:
    """Each label alone, all but one, and those of the highest ratio p / q: the parts of which p may hold more than q."""
    count = len(ratio)
    ranks = np.argsort(np.argsort(-ratio, kind="stable"))
    prefixes = np.arange(1, count)[:, None] > ranks
    alone = np.eye(count, dtype=bool)
    return np.concatenate([prefixes, alone, ~alone])


def _sorted_out(low: Float[ndarray, " T"], high: Float[ndarray, " T"], k: int) -> tuple[Bool[ndarray, " T"], Bool[ndarray, " T"]]:
    """Cells that are among the k largest for sure, and cells of which it is open."""
    may_pass = (high[None, :] >= low[:, None]).sum(1) - 1  # cells that may be as high: itself left out
    surely_above = (low[None, :] > high[:, None]).sum(1)
    inside, outside = may_pass < k, surely_above >= k
    return inside, ~(inside | outside)
