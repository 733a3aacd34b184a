"""What a label's certificate is worth under each law of the noise: the radius that a bound of its share of the draws gives.

All laws have standard deviation sigma. p is a lower bound of the chance that a draw gives the label, p > 1/2; the answer stays the majority's for
every change d of the picture, on the grid where the noise is added, with

gaussian  |d|_2 < sigma Phi^-1(p)                               Cohen et al. 2019, theorem 1
uniform   |d|_1 < 2 lambda (p - 1/2),  lambda = sqrt(3) sigma   Yang et al. 2020; Levine and Feizi 2021. On [-lambda, lambda]^D, a change d moves
                                                                at most |d|_1 / (2 lambda) of the mass
laplace   |d|_1 < -b ln(2 (1 - p)),  b = sigma / sqrt(2)        Teng et al. 2020, the other labels together at most 1 - p: a change d multiplies their
                                                                chance by at most exp(|d|_1 / b). Lecuyer et al. 2019 have (b / 2) ln(p / (1 - p)),
                                                                which is never larger

|d|_2 <= |d|_1 <= sqrt(D) |d|_2 for D numbers, so an l2 radius is an l1 radius as well, and an l1 radius divided by sqrt(D) is an l2 radius.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.integrate import quad
from scipy.special import digamma, log_ndtr
from scipy.stats import norm

from runtime.errors import FvitError
from runtime.plugins import known


@dataclass(frozen=True)
class NoiseLaw:
    """One law of noise. `norm`: 1 or 2, of its certificate. `scale`: of the law in units of sigma, `symbol` its name.

    `radius`: from p > 1/2, in units of sigma. `largest`: E max |z_i| of D numbers, in units of sigma (the tau of Theorems 5.2 and 5.4).
    """

    norm: int
    symbol: str
    scale: float
    radius: Callable[[float], float]
    largest: Callable[[int], float]
    source: str


def radius(noise: str, share: float, sigma: float) -> float:
    """The radius in the law's own norm, in sigma's units; 0 where `share`, a lower bound, is not above one half."""
    if not 0 <= share <= 1:
        raise FvitError(f"a share of {share} given; a number from 0 to 1 is expected")
    return sigma * LAWS[known(noise, LAWS, "noise")].radius(share) if share > 0.5 else 0.0


def in_norm(noise: str, own: float, norm: int, numbers: int) -> float:
    """A radius in the law's `own` norm as one in l1 or l2 of pictures with `numbers` numbers: never more than what was certified."""
    if LAWS[noise].norm == norm or norm == 1:
        return own
    return own / math.sqrt(numbers)


def _largest_gaussian(numbers: int) -> float:
    """E max |z_i| = integral of 1 - (2 Phi(x) - 1)^D over x > 0."""
    return float(quad(lambda x: -math.expm1(numbers * math.log1p(-2.0 * math.exp(log_ndtr(-x)))) if x else 1.0, 0.0, 40.0, limit=400)[0])


def _harmonic(numbers: int) -> float:
    """1 + 1/2 + ... + 1/D: the mean of the largest of D unit exponentials."""
    return float(digamma(numbers + 1) - digamma(1))


LAWS = {
    "gaussian": NoiseLaw(2, "sigma", 1.0, lambda p: float(norm.ppf(p)), _largest_gaussian, "Cohen et al. 2019, theorem 1"),
    "uniform": NoiseLaw(
        1, "lambda", math.sqrt(3.0), lambda p: 2.0 * math.sqrt(3.0) * (p - 0.5), lambda d: math.sqrt(3.0) * d / (d + 1.0),
        "Yang et al. 2020; Levine and Feizi 2021",
    ),
    "laplace": NoiseLaw(
        1, "b", math.sqrt(0.5), lambda p: -math.sqrt(0.5) * math.log(2.0 * (1.0 - p)) if p < 1 else math.inf,
        lambda d: math.sqrt(0.5) * _harmonic(d), "Teng et al. 2020",
    ),
}  # fmt: skip
