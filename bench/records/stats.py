"""Medians, means and shares with their intervals; what resampling pictures does to a number; paired tests."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.stats import binom, norm, t

from runtime.errors import FvitError


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """(median, low, high): the distribution-free interval between two order statistics (Conover 1999, section 3.2).

    With fewer than six values no such interval reaches 95 %; then low and high are the smallest and the largest, and the table says so.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    rank = int(binom.ppf((1 - confidence) / 2, n, 0.5))
    covered = rank > 0 and binom.cdf(rank - 1, n, 0.5) <= (1 - confidence) / 2
    low, high = (ordered[rank - 1], ordered[n - rank]) if covered else (ordered[0], ordered[-1])
    return float(np.median(ordered)), float(low), float(high)


def paired_ratio(numerator: dict, denominator: dict) -> tuple[float, float, float] | None:
    """Median and interval of numerator / denominator over the (process, round) keys that both have."""
    shared = sorted(numerator.keys() & denominator.keys())
    return median_interval([numerator[k] / denominator[k] for k in shared]) if shared else None


def wilson(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float, float]:
    """(share, low, high): Wilson's score interval (1927, eq. 5) of a binomial proportion."""
    z, share = float(norm.ppf(0.5 + confidence / 2)), hits / n
    middle, reach = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return share, max(0.0, (middle - reach) / (1 + z * z / n)), min(1.0, (middle + reach) / (1 + z * z / n))


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """(mean, low, high) by Student's t."""
    found = np.asarray(values, dtype=float)
    reach = float(t.ppf(0.5 + confidence / 2, len(found) - 1)) * found.std(ddof=1) / math.sqrt(len(found)) if len(found) > 1 else math.inf
    return float(found.mean()), float(found.mean() - reach), float(found.mean() + reach)


def bootstrap(
    rows: Float[ndarray, "N *D"], statistic: Callable[[Any], float], seed: int, samples: int = 2000, confidence: float = 0.95
) -> tuple[float, float, float]:
    """(value, low, high): the percentile bootstrap over pictures (Efron 1979), each with all its numbers.

    `rows` hold one picture each; `statistic` makes a number of their mean over pictures, (D,), so that a ratio of sums (mIoU) is resampled
    as it is made. For one number a picture, `rows` (N,), it gets that number's mean: `float` is the mean itself.
    """
    rows = np.asarray(rows, dtype=float)
    if not len(rows) or not np.isfinite(rows).all():
        raise FvitError(
            f"{rows.shape} numbers came, {int((~np.isfinite(rows)).sum())} not finite; finite numbers of one or more pictures are wanted"
        )
    rng, n = np.random.default_rng(seed), len(rows)
    times = (np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(samples))  # how often each picture was drawn
    found = np.array([statistic(drawn @ rows / n) for drawn in times], dtype=float)
    if np.isnan(found).any():
        raise FvitError(
            f"the statistic of {int(np.isnan(found).sum())} of {samples} resamples is undefined; it wants more pictures than {n}"
        )
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(statistic(rows.mean(0))), float(low), float(high)


def paired_bootstrap(a: Float[ndarray, " N"], b: Float[ndarray, " N"], seed: int) -> tuple[float, float, float]:
    """(mean of a - b, low, high) where `a` and `b` were measured on the same pictures."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise FvitError(f"{a.shape} and {b.shape} numbers came; one pair for each picture is wanted")
    return bootstrap(a - b, float, seed)


def mcnemar(first_right: Bool[ndarray, " N"], second_right: Bool[ndarray, " N"]) -> float:
    """Exact two-sided p-value that two classifiers are right equally often on the same pictures (McNemar 1947, binomial).

    With b pictures that only the first has right and c that only the second has: min(1, 2 P[Bin(b + c, 1/2) <= min(b, c)]).
    """
    first, second = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    if first.shape != second.shape or first.ndim != 1:
        raise FvitError(f"{first.shape} and {second.shape} answers came; one pair for each picture is wanted")
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    return min(1.0, 2 * float(binom.cdf(min(only_first, only_second), only_first + only_second, 0.5)))
