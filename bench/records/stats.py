"""Medians, means and shares with their intervals; what resampling pictures does to a number; paired tests."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped
from numpy import ndarray
from scipy.stats import binom, binomtest, t, wilcoxon

from runtime.errors import FvitError


class Interval(NamedTuple):
    """A number and the interval around it."""

    value: float
    low: float
    high: float


def median(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """The distribution-free interval between two order statistics (Conover 1999, section 3.2).

    With fewer than six values no such interval reaches 95 %; then low and high are the smallest and the largest, and the page says so.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    rank = int(binom.ppf((1 - confidence) / 2, n, 0.5))
    covered = rank > 0 and binom.cdf(rank - 1, n, 0.5) <= (1 - confidence) / 2
    low, high = (ordered[rank - 1], ordered[n - rank]) if covered else (ordered[0], ordered[-1])
    return Interval(float(np.median(ordered)), float(low), float(high))


def ratio(numerator: Sequence[float], denominator: Sequence[float]) -> Interval:
    """The median of numerator / denominator over pairs measured in turn."""
    return median([a / b for a, b in zip(numerator, denominator, strict=True)])


def paired_ratio(numerator: dict, denominator: dict) -> Interval | None:
    """The same over the keys that both have, (process, round, ...) say."""
    shared = sorted(numerator.keys() & denominator.keys())
    return median([numerator[key] / denominator[key] for key in shared]) if shared else None


def wilson(hits: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval (1927, eq. 5) of a binomial proportion."""
    found = binomtest(hits, n).proportion_ci(confidence, "wilson")
    return Interval(hits / n, float(found.low), float(found.high))


def mean(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """The mean with Student's interval."""
    rows = np.asarray(values, dtype=float)
    reach = float(t.ppf(0.5 + confidence / 2, len(rows) - 1)) * rows.std(ddof=1) / math.sqrt(len(rows)) if len(rows) > 1 else math.inf
    return Interval(float(rows.mean()), float(rows.mean() - reach), float(rows.mean() + reach))


def bootstrap(
    rows: Float[ndarray, "N *D"], statistic: Callable[[Any], Any], seed: int = 0, samples: int = 2000, confidence: float = 0.95
) -> Interval:
    """The percentile bootstrap over pictures (Efron 1979), each with all its numbers.

    `rows` hold one picture each; `statistic` makes a number of their mean over pictures, (D,), so that a ratio of sums (mIoU) is resampled
    as it is made, and makes one of each resample of (S, D). For one number per picture, `rows` (N,), it gets that number's mean, (S,):
    `float` is the mean itself.
    """
    rows = np.asarray(rows, dtype=float)
    if not len(rows) or not np.isfinite(rows).all():
        bad = int((~np.isfinite(rows)).sum())
        raise FvitError(
            f"an array of shape {rows.shape} given, {bad} of its numbers not finite; finite numbers, of one or more pictures, are expected"
        )
    n = len(rows)
    means = _resamples(n, seed, samples) @ rows / n
    drawn = means if statistic is float and rows.ndim == 1 else np.asarray(statistic(means), dtype=float)
    if drawn.shape != (samples,):
        raise FvitError(f"a statistic of shape {drawn.shape} given of means {means.shape}; one number for each of {samples} is expected")
    if np.isnan(drawn).any():
        raise FvitError(
            f"the statistic of {int(np.isnan(drawn).sum())} of {samples} resamples is undefined; it wants more pictures than {n}"
        )
    method = "linear" if np.isfinite(drawn).all() else "inverted_cdf"  # between a number and infinity there is nothing
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], method=method)
    return Interval(float(statistic(rows.mean(0))), float(low), float(high))


@functools.lru_cache(maxsize=4)
def _resamples(n: int, seed: int, samples: int) -> Float[ndarray, "S N"]:
    """How often each of `n` pictures was drawn in each resample."""
    rng = np.random.default_rng(seed)
    return np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(samples)]).astype(float)


def paired_bootstrap(a: Shaped[ndarray, " N"], b: Shaped[ndarray, " N"], seed: int = 0) -> Interval:
    """The mean of a - b with its bootstrap interval; `a` and `b` were measured on the same pictures."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise FvitError(f"{a.shape} and {b.shape} numbers given; one pair for each picture is expected")
    return bootstrap(a - b, float, seed)


def mcnemar(first_right: Bool[ndarray, " N"], second_right: Bool[ndarray, " N"]) -> float:
    """Exact two-sided p-value that two classifiers are right equally often on the same pictures (McNemar 1947, binomial)."""
    first, second = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    if first.shape != second.shape or first.ndim != 1:
        raise FvitError(f"{first.shape} and {second.shape} answers given; one pair for each picture is expected")
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    return float(binomtest(only_first, only_first + only_second).pvalue) if only_first + only_second else 1.0


def signed_rank(a: Float[ndarray, " N"], b: Float[ndarray, " N"]) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test (1945) that a - b is symmetric around 0; 1 where no pair differs."""
    apart = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    return float(np.asarray(wilcoxon(apart))[1]) if (apart != 0).any() else 1.0


def holm(p: Sequence[float]) -> list[float]:
    """p-values adjusted for all tests together (Holm 1979): the i-th smallest times the number of tests left, never below a smaller one's."""
    order, found, highest = np.argsort(p, kind="stable"), [0.0] * len(p), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - rank) * p[place]))
        found[place] = highest
    return found
