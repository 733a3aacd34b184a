"""Medians and shares with their intervals."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import binom, norm, t


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
