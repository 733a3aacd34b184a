"""S_Faith against the same method's map of the clean picture, `bench/metrics/overlap.py`: large where the map did not move."""

from jaxtyping import Float
from numpy import ndarray

from bench.metrics import overlap
from bench.protocols import MetricInput

NEEDS, SHOWN, HIGHER_IS_BETTER = ("twin",), "S_Faith", True
CHOICES = {"average": overlap.AVERAGES}


def score(seen: MetricInput) -> Float[ndarray, "B 3"]:
    assert seen.twin is not None
    return overlap.reciprocals(overlap.difference(seen.maps, seen.twin))


def total(means: Float[ndarray, "*S 3"], average: str = "difference") -> Float[ndarray, "*S"]:
    return overlap.s_faith(means, average)
