"""Draws until the answer is certain: "is this the label, with a radius of at least r (and do beta k of the top k stay within r)?"

The label's share is tested after every look by a confidence sequence (`certify.decided`), which is valid at all looks at once. The top-k
radius is tested at the looks 1 ... J, each at alpha / J of its part. So the answer "yes" is wrong with probability at most alpha in all, as
with a fixed number of draws; "no" abstains and claims nothing.
"""

from dataclasses import dataclass

from scipy.stats import norm

from runtime.certificates import certify, maps
from runtime.certificates.certify import Claim
from runtime.fuse import Fused
from runtime.names import BOUNDS

FIRST, GROWTH = 100, 1.5


@dataclass(frozen=True)
class Question:
    """`radius` asked for, of the label alone or of the `tops` too; the looks: after so many draws each, the last one ends it."""

    claim: Claim
    radius: float
    looks: tuple[int, ...]
    tops: bool = True
    bound: str = BOUNDS[0]

    @property
    def share(self) -> float:
        """The label's share from which its radius is at least the one asked for."""
        return float(norm.cdf(self.radius / self.claim.sigma))

    @property
    def part(self) -> float:
        """Label and map share alpha."""
        return self.claim.alpha / 2 if self.tops else self.claim.alpha


def looks(most: int) -> tuple[int, ...]:
    """100, 150, 225, ... and `most`."""
    counts, n = [], float(FIRST)
    while n < most:
        counts.append(round(n))
        n *= GROWTH
    return (*counts, most)


def answer(question: Question, hits: int, n: int, fused: Fused | None = None, picture: int = 0) -> bool | None:
    """True or False once it is certain, None to draw on; after the last look what is not certain is False (abstains)."""
    last = n >= question.looks[-1]
    of_label = certify.decided(hits, n, question.share, question.part)
    if of_label is False or (of_label is None and last):
        return False
    if of_label is None or not question.tops:
        return of_label
    assert fused is not None
    claim = Claim(question.claim.sigma, question.part / len(question.looks), question.claim.k, question.claim.beta)
    if maps.top(fused, picture, claim, question.bound).radius >= question.radius:
        return True
    return False if last else None
