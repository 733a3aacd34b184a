"""Resampled intervals and paired tests, against scipy, the exact answer and simulation."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from bench.records import machine
from bench.records.stats import (
    Interval,
    bootstrap,
    holm,
    mcnemar,
    mean,
    median,
    paired_bootstrap,
    paired_ratio,
    ratio,
    signed_rank,
    wilson,
)
from runtime.errors import FvitError


def answers(both: int, first: int, second: int, neither: int):
    counts = [both, first, second, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


@pytest.mark.parametrize("first, second", [(0, 0), (1, 0), (0, 6), (5, 5), (3, 9), (14, 2), (300, 241)])
def test_mcnemar_is_the_binomial_test_of_the_pictures_that_differ(first, second):
    found = mcnemar(*answers(7, first, second, 11))
    wanted = binomtest(first, first + second).pvalue if first + second else 1.0
    assert found == pytest.approx(wanted, rel=1e-12) and found == mcnemar(*answers(70, second, first, 0))


def test_mcnemar_pairs_the_answers():
    right = np.array([True] * 5 + [False] * 5)
    assert mcnemar(right, right) == 1.0 and mcnemar(right, ~right) == 1.0
    assert mcnemar(np.ones(10, bool), np.zeros(10, bool)) == pytest.approx(2 / 1024)


def test_the_bootstrap_of_a_mean_is_the_normal_interval():
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    value, low, high = bootstrap(values, float, seed=1, samples=4000)
    reach = norm.ppf(0.975) * values.std() / 20
    assert value == pytest.approx(values.mean()) and (low, high) == pytest.approx((value - reach, value + reach), abs=0.1 * reach)
    narrow = bootstrap(values, float, seed=1, confidence=0.5)
    assert low < narrow[1] < value < narrow[2] < high


def test_the_bootstrap_covers():
    rng = np.random.default_rng(0)
    inside = 0
    for seed in range(200):
        _, low, high = bootstrap(rng.exponential(1.0, 60), float, seed, samples=300)
        inside += low <= 1.0 <= high
    assert 0.87 <= inside / 200 <= 0.99  # 95 % asked; skewed values and 60 pictures cost some


def test_a_ratio_of_sums_is_resampled_picture_by_picture():
    rng = np.random.default_rng(0)
    union = rng.integers(1, 100, 50).astype(float)
    rows = np.stack([0.3 * union, union], 1)  # every picture has the same ratio
    value, low, high = bootstrap(rows, lambda means: means[..., 0] / means[..., 1], seed=0)
    assert (value, low, high) == pytest.approx((0.3, 0.3, 0.3))
    rows[:, 0] = rng.random(50) * union
    value, low, high = bootstrap(rows, lambda means: means[..., 0] / means[..., 1], seed=0)
    assert value == pytest.approx(rows[:, 0].sum() / union.sum()) and low < value < high


def test_the_seed_chooses_the_resamples():
    values = np.random.default_rng(0).random(30)
    assert bootstrap(values, float, seed=0) == bootstrap(values, float, seed=0) != bootstrap(values, float, seed=1)


def test_pairs_are_resampled_together():
    rng = np.random.default_rng(0)
    a = rng.normal(0.0, 100.0, 200)
    b = a - 1.0 + rng.normal(0.0, 0.1, 200)  # far apart between pictures, close within
    value, low, high = paired_bootstrap(a, b, seed=0)
    assert value == pytest.approx((a - b).mean()) and 0.95 < low < value < high < 1.05
    assert paired_bootstrap(b, a, seed=0) == pytest.approx((-value, -high, -low), abs=1e-3)


@pytest.mark.usefixtures("any_shape")
@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: bootstrap([], float, 0), "one or more pictures"),
        (lambda: bootstrap([1.0, np.nan], float, 0), "1 of its numbers not finite"),
        (lambda: bootstrap([0.0, 1.0], lambda means: np.where(means == 0, np.nan, means), 0), "undefined"),
        (lambda: bootstrap([[0.0], [1.0]], lambda means: means[0], 0), "one number for each of 2000"),
        (lambda: paired_bootstrap([1.0], [1.0, 2.0], 0), "one pair for each picture"),
        (lambda: mcnemar([True], [True, False]), "one pair for each picture"),
    ],
)
def test_refused(call, said):
    with pytest.raises(FvitError, match=said):
        call()


def test_the_median_s_interval_is_between_order_statistics():
    assert median([3, 1, 2]) == (2.0, 1.0, 3.0)  # too few for 95 %: the whole range
    assert median(range(1, 7)) == (3.5, 1.0, 6.0)  # 1 - 2/64 = 0.969
    assert median(range(1, 101)) == (50.5, 40.0, 61.0)  # the textbook's ranks for n = 100


def test_ratios_use_shared_pairs_only():
    assert paired_ratio({("a", 1): 1.0, ("b", 1): 9.0}, {("a", 1): 2.0, ("c", 1): 1.0}) == (0.5, 0.5, 0.5)
    assert paired_ratio({("a", 1): 1.0}, {("b", 1): 1.0}) is None and ratio([1.0, 3.0], [2.0, 2.0]) == (1.0, 0.5, 1.5)


@pytest.mark.parametrize("hits, n", [(0, 8), (4, 8), (8, 8), (187, 200), (1, 50)])
def test_wilson_is_its_formula(hits, n):
    z, share = norm.ppf(0.975), hits / n
    middle, reach = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    wanted = (share, max(0.0, (middle - reach) / (1 + z * z / n)), min(1.0, (middle + reach) / (1 + z * z / n)))
    assert wilson(hits, n) == pytest.approx(wanted, abs=1e-12) and isinstance(wilson(hits, n), Interval)


def test_student_s_interval_of_a_mean():
    assert mean([1.0, 2.0, 3.0]) == pytest.approx((2.0, 2.0 - 4.302652730 / 3**0.5, 2.0 + 4.302652730 / 3**0.5))
    assert mean([5.0]).high == np.inf


def test_the_machine_has_a_name_for_a_folder():
    name = machine.folder_name()
    assert machine.cpu_name() and name == name.lower() and "/" not in name and " " not in name


def test_holm_by_hand():
    """Four tests: 0.005 * 4, 0.01 * 3 below it lifted, 0.03 * 2, 0.04 lifted to it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == [] and holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_signed_rank_test_of_pairs():
    a = np.arange(1.0, 11.0)
    assert signed_rank(a, a) == 1.0 and signed_rank(a, np.zeros(10)) == pytest.approx(2 / 1024)  # every sign the same, of 2^10


def test_a_statistic_without_a_bound_has_none_above():
    rows = np.array([[0.0], [0.0], [0.5]])
    with np.errstate(divide="ignore"):
        found = bootstrap(rows, lambda means: 1 / means[..., 0])
    assert found.value == pytest.approx(6.0) and found.high == np.inf and found.low == 2.0
