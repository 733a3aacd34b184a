"""Definition 4.2: divergences by hand, bounds against every map and every pair of distributions in them, what is broken and what is refused."""

import math
from itertools import combinations

import numpy as np
import pytest

from runtime.certificates import faithful
from runtime.certificates.faithful import Bounds, Definition, PairBounds, Side
from runtime.errors import FvitError

ASKED = Definition(2, 0.6, 0.1)


def test_divergences_by_hand():
    """Order 2: ln(.5^2 / .25 + .5^2 / .75) = ln(4 / 3)."""
    p, q = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    assert faithful.renyi(p, q, 2.0) == pytest.approx(math.log(4 / 3))
    assert faithful.renyi(np.array([1.0, 0.0]), np.array([0.25, 0.75]), 4.0) == pytest.approx(math.log(4))
    assert faithful.renyi(q, np.array([0.0, 1.0]), 1.5) == math.inf and faithful.renyi(p, p, 1.5) == pytest.approx(0)


@pytest.mark.parametrize("order", [1.5, 2.0, 4.0])
@pytest.mark.parametrize("seed", range(3))
def test_every_pair_of_distributions_in_the_bounds_is_covered(seed, order):
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet([8, 2, 1]), rng.dirichlet([1, 2, 8])
    sides = [(np.clip(w - 0.05, 1e-3, 1), np.clip(w + 0.05, 0, 1)) for w in (p, q)]
    low, high = faithful.renyi_bounds(*sides, order)
    assert 0 < low < faithful.renyi(p, q, order) < high
    for _ in range(500):
        first, second = (inside(rng, w) for w in (p, q))
        assert low <= faithful.renyi(first, second, order) <= high


def inside(rng, w):
    """A distribution no further than 0.05 from `w` in any cell."""
    while True:
        found = w + rng.uniform(-0.05, 0.05, len(w))
        found[-1] = 1 - found[:-1].sum()
        if abs(found[-1] - w[-1]) <= 0.05 and found.min() > 1e-3:
            return found


def test_the_lower_bound_is_exact_for_two_labels_that_are_known():
    p, q = np.array([0.9, 0.1]), np.array([0.3, 0.7])
    low, high = faithful.renyi_bounds((p, p), (q, q), 2.0)
    assert low == pytest.approx(high) == pytest.approx(faithful.renyi(p, q, 2.0))
    assert faithful.renyi_bounds((p, p), (p, p), 2.0) == pytest.approx((0, 0))


def test_a_label_that_no_draw_at_the_other_side_chose_leaves_no_upper_bound_but_the_noise_s():
    """Two Gaussians a distance r apart are a r^2 / 2 apart in order a (r in sigmas), and votes no further."""
    side, other = Side(np.array([90, 10, 0]), *moments([0.6, 0.3, 0.1])), Side(np.array([80, 20, 0]), *moments([0.6, 0.3, 0.1]))
    assert all(high == math.inf for _, high in faithful.compare(side, other, ASKED, 0.01).divergence.values())
    found = faithful.compare(side, other, ASKED, 0.01, reach=0.5).divergence
    assert {order: high for order, (_, high) in found.items()} == {1.5: 0.1875, 2.0: 0.25, 4.0: 0.5}


@pytest.mark.parametrize("seed", range(20))
def test_overlaps_by_brute_force(seed):
    """All pairs of top sets that the intervals allow, each tried: the least and the largest overlap."""
    rng = np.random.default_rng(seed)
    k, maps = 3, rng.random((2, 7))
    sides = [(w - width, w + width) for w, width in zip(maps, rng.choice([0.02, 0.1, 0.3], (2, 1)) * rng.random((2, 7)), strict=True)]
    possible = [[set(top) for top in combinations(range(7), k) if can_be_top(side, top)] for side in sides]
    overlaps = [len(a & b) / k for a in possible[0] for b in possible[1]]
    found = faithful.overlap_bounds(*sides, k)
    assert found.low <= min(overlaps) and max(overlaps) <= found.high
    assert found.low <= faithful.overlap(*maps, k) <= found.high
    assert found.high - found.low <= max(overlaps) - min(overlaps) + 1 / k + 1e-12  # cells that exclude each other are not looked at


def can_be_top(side, top):
    low, high = side
    return min(high[i] for i in top) >= max(low[j] for j in range(len(low)) if j not in top)


def test_wide_intervals_say_nothing_and_points_say_all():
    w, turned = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])
    assert faithful.overlap_bounds((w - 1, w + 1), (w - 1, w + 1), 2) == (0, 1)
    assert faithful.overlap_bounds((w, w), (turned, turned), 2) == (0, 0) and faithful.overlap_bounds((w, w), (w, w), 2) == (1, 1)


def test_votes_and_cells_are_covered_at_once():
    """400 runs at alpha 0.1: the 99 % lower bound of how often a bound is wrong must not exceed it."""
    rng, wrong = np.random.default_rng(0), 0
    p, q = np.array([0.7, 0.2, 0.1]), np.array([0.45, 0.45, 0.1])
    for votes, other in zip(rng.multinomial(200, p, 400), rng.multinomial(200, q, 400), strict=True):
        low, high = faithful.renyi_bounds(faithful.shares(votes, 0.05), faithful.shares(other, 0.05), 2.0)
        wrong += not low <= faithful.renyi(p, q, 2.0) <= high
    assert wrong / 400 <= 0.1


def moments(mean, spread=1e-5):
    mean = np.array(mean)
    return mean, mean**2 + spread


def test_what_is_broken():
    top, cells = np.array([990, 10]), moments([0.4, 0.35, 0.15, 0.1])
    clean = Side(top, *cells, span=0.5)
    same = faithful.compare(clean, clean, ASKED, 0.01)
    assert same.overlap == (1, 1) and same.broken(ASKED) == () and all(low == 0 for low, _ in same.divergence.values())
    turned = faithful.compare(clean, Side(np.array([300, 700]), *moments([0.1, 0.15, 0.35, 0.4]), span=0.5), ASKED, 0.01)
    assert turned.overlap == (0, 0) and turned.broken(ASKED) == ("top k", "D_1.5", "D_2", "D_4")
    lows = [bound.low for bound in turned.divergence.values()]
    assert lows == sorted(lows) and lows[0] > 0.5  # D_a does not fall in a
    assert turned.broken(Definition(2, 0.6, 2 * lows[-1])) == ("top k",)


def test_the_limits_themselves_are_not_broken():
    found = PairBounds(Bounds(0.2, 0.6), {2.0: Bounds(0.1, 1.0)})
    assert found.broken(ASKED) == () and found.broken(Definition(2, 0.61, 0.0999)) == ("top k", "D_2")


@pytest.mark.parametrize(("changes", "said"), [
    ({"k": 0}, "k 0 given; at least one cell"),
    ({"beta": 1.0}, "beta 1.0 given; a number between 0 and 1"),
    ({"beta": 0.0}, "beta 0.0 given"),
    ({"gamma": 0.0}, "gamma 0.0 given; a divergence above 0"),
    ({"gamma": math.inf}, "gamma inf given"),
    ({"orders": (1.0,)}, "orders 1.0 given; one or more numbers above 1"),
    ({"orders": ()}, "orders none given"),
])  # fmt: skip
def test_what_is_refused(changes, said):
    with pytest.raises(FvitError, match=said):
        Definition(**({"k": 2, "beta": 0.5, "gamma": 0.1} | changes))


def test_more_cells_on_top_than_there_are():
    w = np.full(4, 0.25)
    with pytest.raises(FvitError, match="k 4 of 4 cells; fewer"):
        faithful.overlap_bounds((w, w), (w, w), 4)
