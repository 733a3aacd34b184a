"""Confidence bounds for the certificates. `alpha` is the one-sided error probability, in (0, 1)."""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.special import betaincinv, betaln
from scipy.stats import binom

from runtime.errors import FvitError


def lower(hits: int, n: int, alpha: float) -> float:
    """Clopper and Pearson's lower bound (1934) of a share that gave `hits` of `n`."""
    return float(lowers(np.array(hits), n, alpha))


def lowers(hits: Int[ndarray, "*S"], n: int, alpha: float) -> Float[ndarray, "*S"]:
    """The same of many shares, each at `alpha` by itself."""
    return np.where(hits > 0, betaincinv(np.maximum(hits, 1), n - hits + 1, _level(alpha)), 0.0)


def bernstein(mean: Float[ndarray, "..."], squares: Float[ndarray, "..."], n: int, alpha: float, span: float) -> Float[ndarray, "..."]:
    """How far a mean of `n` values in [0, span] may lie on one side of its expectation (Maurer and Pontil 2009, theorem 4).

    sqrt(2 V ln(2 / alpha) / n) + 7 span ln(2 / alpha) / (3 (n - 1)),  V the unbiased variance, from the mean and the mean square.
    """
    if n < 2:
        raise FvitError(f"{n} draws given; a variance needs 2 or more")
    variance = np.maximum(squares - mean**2, 0.0) * n / (n - 1)
    reach = np.log(2 / _level(alpha))
    return np.sqrt(2 * variance * reach / n) + 7 * span * reach / (3 * (n - 1))


def surprise(hits: int, n: int, share: float) -> float:
    """Log of how much better a uniform mixture of shares explains `hits` of `n` than `share` does (Robbins 1970).

    At the true share it is the log of a martingale that starts at 1, so it ever reaches ln(1 / alpha) with a chance of at most alpha: the
    shares that surprise less than that are a confidence sequence, valid at every n at once.
    """
    with np.errstate(divide="ignore"):
        known = hits * np.log(share) if hits else 0.0
        known += (n - hits) * np.log1p(-share) if n > hits else 0.0
    return float(betaln(hits + 1, n - hits + 1) - known)


def holm(p_values: Float[ndarray, " T"], alpha: float) -> ndarray:
    """Which hypotheses are rejected when none of the true ones may be, but with chance `alpha` (Holm 1979)."""
    order, count = np.argsort(p_values), len(p_values)
    passed = p_values[order] <= _level(alpha) / (count - np.arange(count))
    kept = np.zeros(count, dtype=bool)
    kept[order[: count if passed.all() else int(np.argmin(passed))]] = True
    return kept


def bonferroni(p_values: Float[ndarray, " T"], alpha: float) -> ndarray:
    """The same, each at alpha / T."""
    return p_values <= _level(alpha) / len(p_values)


def tail(hits: Int[ndarray, " T"], n: int, share: float) -> ndarray:
    """The chance of `hits` or more of `n` where the share is `share` or less."""
    return np.asarray(binom.sf(np.asarray(hits) - 1, n, share))


def _level(alpha: float) -> float:
    if not 0 < alpha < 1:
        raise FvitError(f"alpha {alpha} given; a chance between 0 and 1 is expected")
    return alpha
