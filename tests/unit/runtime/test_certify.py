"""Certificates: Cohen's recorded ones exactly, the least divergence against a general minimiser, edges, and what is refused."""

import json
import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import norm

from helpers.oracle import arrays, need
from runtime.certificates import bounds, certify, divergence
from runtime.certificates.certify import Claim
from runtime.errors import FvitError
from runtime.fuse import Fused

SIGMA = 0.25


def test_recorded_bounds_and_radii():
    saved = arrays("randomized_smoothing/certify.npz")
    for i, (hits, n, alpha) in enumerate(zip(saved["nA"], saved["n"], saved["alpha"], strict=True)):
        votes = np.array([hits, n - hits])
        assert bounds.lower(int(hits), int(n), float(alpha)) == pytest.approx(saved["lower_bound"][i], rel=1e-9)
        for j, sigma in enumerate(saved["sigma"]):
            found = certify.label(np.array([1, 0]), votes, float(sigma), float(alpha))
            assert (found.label == certify.ABSTAIN) == bool(saved["abstain"][i])
            assert found.radius == pytest.approx(saved["radius"][i, j], rel=1e-9)
            assert found.renyi <= found.radius + 1e-12


def test_recorded_certificates_and_predictions():
    saved = json.loads(need("randomized_smoothing/cases.json").read_text())
    assert len(saved["certify_full"]) > 5 and len(saved["predict"]) > 5
    for case in saved["certify_full"]:
        found = certify.label(np.array(case["counts_selection"]), np.array(case["counts_estimation"]), case["sigma"], case["alpha"])
        assert found.label == case["predicted"] and found.radius == pytest.approx(case["radius"], rel=1e-9)
    for case in saved["predict"]:
        assert certify.predict(np.array(case["counts"]), case["alpha"]) == case["predicted"]


def least(w: np.ndarray, top: list[int], bottom: list[int], order: float) -> float:
    """The smallest divergence by a general constrained minimiser, over q with every one of `bottom` at least as high as every one of `top`."""

    def value(q):
        return np.log((w**order * np.maximum(q, 1e-12) ** (1 - order)).sum()) / (order - 1)

    held = [{"type": "ineq", "fun": lambda q, i=i, j=j: q[j] - q[i]} for i in top for j in bottom]
    whole = {"type": "eq", "fun": lambda q: q.sum() - 1}
    starts = [w, np.full(len(w), 1 / len(w))]
    found = [
        minimize(value, x, bounds=[(1e-9, 1)] * len(w), constraints=[whole, *held], tol=1e-12, options={"maxiter": 500}) for x in starts
    ]
    return min(one.fun for one in found if one.success)


@pytest.mark.parametrize("order", [0.5, 2.0, 6.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_least_divergence_by_brute_force(seed, order):
    """Every choice of the leaving and the entering cells, each by a general minimiser."""
    w = np.random.default_rng(seed).dirichlet(np.ones(5))
    ordered, k, count = np.argsort(-w), 3, 2
    inside, outside = ordered[:k], ordered[k:]
    brute = min(least(w, list(top), list(bottom), order) for top in combinations(inside, count) for bottom in combinations(outside, count))
    found = order * divergence.true_rate(np.sort(w[inside])[:count], np.sort(w[outside])[-count:], order)
    assert found == pytest.approx(brute, rel=2e-5, abs=1e-7)


def test_the_printed_one_is_no_minimum():
    """docs/certificates.md: w ~ (10, 1, .9, .1), k = k0 = 2. Over all orders it can lie on either side of the true ones."""
    w = np.array([10, 1, 0.9, 0.1]) / 12
    found = 2 * divergence.true_rate(w[:2], w[2:], 2.0)
    assert 2 * divergence.printed_rate(w[:2], w[2:], 2.0) == pytest.approx(1.040, abs=5e-4)
    assert found == pytest.approx(0.854, abs=5e-4) and found == pytest.approx(least(w, [0, 1], [2, 3], 2.0), rel=1e-5)
    assert printed_radius(w) < true_radius(w)
    other = np.array([0.7, 0.1, 0.1, 0.1])
    assert printed_radius(other) > 1.05 * true_radius(other)


def test_the_printed_radius_is_broken_by_a_network_in_closed_form():
    """docs/certificates.md: 16 cells, k = k0 = 8, sigma 1. Of the noise's share in one direction, z, the lowest 9 % put all relevance on cell 0,
    the next 42.56 % spread it over the other 7 named cells, the rest over the 8 cells outside. The mean map at distance d needs no draws."""
    limits, claim = norm.ppf([0.09, 0.5156]), Claim(1.0, 0.1, 8, 0.1)

    def mean(d):
        first, named, outside = np.diff(np.concatenate([[0.0], norm.cdf(limits - d), [1.0]]))
        return np.array([first, *[named / 7] * 7, *[outside / 8] * 8])

    def on_top(d):
        return set(np.argsort(-mean(d), kind="stable")[:8].tolist()) & set(range(8))

    w = mean(0.0)
    assert claim.leaving == 8 and w.sum() == pytest.approx(1, abs=1e-12)
    assert certify.paper_top(w, claim) == pytest.approx(0.16225, abs=5e-6)
    sound = certify.topk_radius(w, w, np.arange(8), claim)
    assert sound == pytest.approx(0.1347, abs=5e-5)
    assert on_top(0.0) == set(range(8)) and on_top(sound)
    assert not on_top(0.155) and mean(0.155)[8:].min() > mean(0.155)[:8].max() + 9e-4
    assert on_top(0.1499) and not on_top(0.15)  # it ends at 0.14997: a sound radius could be at most that


def printed_radius(w):
    return certify.paper_top(w, Claim(1.0, 0.1, 2, 0.4))


def true_radius(w):
    return certify.topk_radius(w, w, np.array([0, 1]), Claim(1.0, 0.1, 2, 0.4))


WIDTHS = {
    "narrow": (0.2, 2, 1, 2.0),
    "two leave": (0.2, 3, 2, 2.0),
    "below one": (0.2, 2, 1, 0.5),
    "wide": (0.9, 3, 2, 2.0),
    "both": (0.9, 3, 2, 0.5),
}


@pytest.mark.parametrize(("width", "k", "count", "order"), WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("seed", range(2))
def test_every_mean_map_in_the_bounds_is_covered(seed, width, k, count, order, monkeypatch):
    """The least over map and q together, by a general minimiser, is never less than what the radius is made of, and hardly more."""
    mean = np.sort(np.random.default_rng(seed).dirichlet(np.ones(6)))[::-1]
    reach = width * (mean[k - 1] - mean[k])
    low, high, claim = np.clip(mean - reach, 1e-6, 1), np.clip(mean + reach, 0, 1), Claim(1.0, 0.1, k, 1 - (count - 0.5) / k)
    assert claim.leaving == count

    def value(x):
        w, q = np.maximum(x[:6], 1e-12), np.maximum(x[6:], 1e-12)
        return np.log((w**order * q ** (1 - order)).sum()) / (order - 1)

    def slope(x):
        w, q = np.maximum(x[:6], 1e-12), np.maximum(x[6:], 1e-12)
        parts = w**order * q ** (1 - order)
        return np.concatenate([order / (order - 1) * parts / w, -parts / q]) / parts.sum()

    def at(*places):
        return np.isin(np.arange(12), places).astype(float)

    sums = [
        {"type": "eq", "fun": lambda x, row=row: row @ x - 1, "jac": lambda x, row=row: row} for row in (at(*range(6)), at(*range(6, 12)))
    ]
    limits = [(a, b) for a, b in zip(low, high, strict=True)] + [(1e-9, 1)] * 6
    found = []
    for inside in combinations(range(k), count):
        for outside in combinations(range(k, 6), count):
            rows = [at(6 + j) - at(6 + i) for i in inside for j in outside]
            held = [{"type": "ineq", "fun": lambda x, row=row: row @ x, "jac": lambda x, row=row: row} for row in rows]
            for q in (mean, np.full(6, 1 / 6)):
                one = minimize(
                    value,
                    np.concatenate([mean, q]),
                    jac=slope,
                    bounds=limits,
                    constraints=[*sums, *held],
                    tol=1e-13,
                    options={"maxiter": 800},
                )
                found += [one.fun] if one.success else []
    monkeypatch.setattr(divergence, "best", lambda rate, orders, shift=0.0: rate(order))
    ours = order * certify.topk_radius(low, high, np.arange(k), claim) ** 2 / 2
    assert ours <= min(found) + 1e-6
    assert ours == pytest.approx(min(found), rel=1e-3 if width < 0.5 else 0.5, abs=1e-6)


def test_the_supremum_is_that_of_a_fine_grid():
    w = np.array([0.4, 0.3, 0.2, 0.1])
    for rate, orders, shift in (
        (lambda a: divergence.true_rate(w[:2], w[2:], a), divergence.ORDERS, 0.0),
        (lambda a: divergence.printed_rate(w[:2], w[2:], a), divergence.ABOVE_ONE, 1.0),
        (lambda a: divergence.printed_pair(0.7, 0.2, a), divergence.ABOVE_ONE, 1.0),
    ):
        fine = max(rate(shift + order) for order in np.geomspace(*orders, 5_000) if abs(shift + order - 1) > 1e-4)
        assert divergence.best(rate, orders, shift) == pytest.approx(fine, rel=1e-5)


def test_edges_of_the_printed_radii():
    assert certify.paper_label(np.array([10, 0]), SIGMA) == math.inf
    assert certify.paper_label(np.array([5, 5]), SIGMA) == 0.0
    nearly = certify.paper_label(np.array([7, 0, 3]), SIGMA)
    assert 0 < nearly < math.inf
    assert certify.paper_label(np.array([7, 0, 0, 3, 0]), SIGMA) == nearly
    flat = np.full(6, 1 / 6)
    assert certify.paper_top(flat, Claim(SIGMA, 0.1, 2, 0.5)) == pytest.approx(0.0, abs=1e-6)
    assert certify.paper_top(np.array([0.6, 0.3, 0.1]), Claim(SIGMA, 0.1, 2, 0.1)) == math.inf  # two would have to leave, one lies below
    assert Claim(SIGMA, 0.1, 10, 0.9).leaving == 2 and Claim(SIGMA, 0.1, 10, 0.05).leaving == 10


def test_a_second_share_of_zero_is_the_limit():
    """p2 = 0: -2 sigma^2 ln(1 - p1), at orders next to 1."""
    rate = divergence.best(lambda a: divergence.printed_pair(0.7, 0.0, a), divergence.ABOVE_ONE, 1.0)
    assert rate == pytest.approx(-math.log(0.3), rel=1e-3)


def fused(mean, squares, draws, fuse="mean"):
    grid = lambda x: torch.tensor(x, dtype=torch.float64).reshape(1, 2, -1)  # noqa: E731
    return Fused(grid(mean), fuse, draws, grid(squares), torch.zeros(1, dtype=torch.int64))


def test_more_draws_certify_more_and_few_abstain():
    mean = np.array([0.3, 0.25, 0.2, 0.15, 0.06, 0.04])
    claim, radii = Claim(SIGMA, 0.05, 2, 0.5), []
    for draws in (2, 100, 10_000, 1_000_000):
        found = certify.top(fused(mean, mean**2 + 1e-4, draws), 0, claim)
        assert found.cells == (0, 1)
        radii.append(found.radius)
    assert radii[0] == 0.0 and radii == sorted(radii) and radii[-1] > 0.02
    everything = certify.topk_radius(mean, mean, np.array([0, 1]), claim)
    assert radii[-1] < everything


def test_a_smaller_span_needs_fewer_draws():
    mean, claim = np.array([0.3, 0.25, 0.2, 0.15, 0.06, 0.04]), Claim(SIGMA, 0.05, 2, 0.5)
    maps = fused(mean, mean**2 + 1e-4, 1000)
    assert certify.top(maps, 0, claim, span=0.4).radius > certify.top(maps, 0, claim).radius


@pytest.mark.parametrize("correction", ["holm", "bonferroni"])
def test_cells_in_out_and_abstaining(correction):
    found = certify.cells(np.array([1000, 990, 760, 500, 240, 3, 0]), 1000, 0.05, correction=correction)
    assert found.tolist() == [1, 1, -1, -1, -1, 0, 0]


def test_holm_rejects_no_less_than_bonferroni():
    values = np.array([0.001, 0.011, 0.02, 0.04, 0.6])
    assert bounds.holm(values, 0.05).tolist() == [True, True, False, False, False]
    assert bounds.bonferroni(values, 0.05).tolist() == [True, False, False, False, False]


def test_what_is_refused():
    for bad in ({"alpha": 0.0}, {"alpha": 1.0}, {"beta": 1.0}, {"beta": 0.0}, {"k": 0}, {"sigma": 0.0}):
        with pytest.raises(FvitError, match="expected"):
            Claim(**({"sigma": SIGMA, "alpha": 0.1, "k": 2, "beta": 0.5} | bad))
    mean, claim = np.full(6, 1 / 6), Claim(SIGMA, 0.1, 2, 0.5)
    with pytest.raises(FvitError, match="fused by median given; this bound is of a mean map"):
        certify.top(replace(fused(mean, mean**2, 10, "median"), squares=None), 0, claim)
    with pytest.raises(FvitError, match="k 6 of 6 cells"):
        certify.paper_top(mean, Claim(SIGMA, 0.1, 6, 0.5))
    with pytest.raises(FvitError, match="no distribution"):
        certify.paper_top(mean * np.nan, claim)
    with pytest.raises(FvitError, match="1 draws given"):
        certify.label(np.array([1, 0]), np.array([1, 0]), SIGMA, 0.1)
    with pytest.raises(FvitError, match="1 draws given; a variance needs 2"):
        certify.top(fused(mean, mean**2, 1), 0, claim)
    with pytest.raises(FvitError, match=r"tau 0\.4"):
        certify.cells(np.array([1]), 2, 0.1, tau=0.4)


def test_radii_are_rounded_down():
    assert certify.rounded_down(0.12349) == 0.1234 and certify.rounded_down(math.inf) == math.inf


def test_a_known_bound_by_hand():
    """Maurer and Pontil's theorem 4 at n = 101, V = 0.04, alpha = 2 / e^2: sqrt(2 x 0.04 x 2 / 101) + 7 x 2 / 300."""
    mean, squares = np.array([0.5]), np.array([0.25 + 0.04 * 100 / 101])
    found = bounds.bernstein(mean, squares, 101, 2 / math.e**2, 1.0)
    assert found == pytest.approx([math.sqrt(0.16 / 101) + 14 / 300], rel=1e-9)


def test_one_hot_maps_and_exact_shares_of_beta():
    one_hot = np.array([1.0, 0.0, 0.0, 0.0])
    assert 0 < certify.topk_radius(one_hot, one_hot, np.array([0]), Claim(SIGMA, 0.1, 1, 0.5)) < math.inf
    assert Claim(SIGMA, 0.1, 10, 0.7).leaving == 4 and Claim(SIGMA, 0.1, 16, 1e-11).leaving == 16
    assert certify._filled(np.array([0.1, 0.2]), 0.3 - 1e-17) == pytest.approx([0.1, 0.2])
    assert certify._filled(np.array([0.1, 0.4, 0.5]), 0.7) == pytest.approx([0.1, 0.3, 0.3])
