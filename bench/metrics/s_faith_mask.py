"""S_Faith against the object's mask as the 'ground-truth heat map', `bench/metrics/overlap.py`; pixels without a label do not count."""

from jaxtyping import Float
from numpy import ndarray

from bench.metrics import overlap
from bench.metrics.segmentation import relevance
from bench.protocols import MetricInput

NEEDS, SHOWN, HIGHER_IS_BETTER = ("masks",), "S_Faith (mask)", True
CHOICES = {"average": overlap.AVERAGES}


def score(seen: MetricInput) -> Float[ndarray, "B 3"]:
    assert seen.masks is not None
    shown, counted = relevance(seen.maps, (seen.masks.shape[1], seen.masks.shape[2])).double(), seen.masks >= 0
    apart = (shown - (seen.masks == 1).double()).abs() * counted
    return overlap.reciprocals(apart.sum((1, 2)) / counted.sum((1, 2)).clamp_min(1))


def total(means: Float[ndarray, "*S 3"], average: str = "difference") -> Float[ndarray, "*S"]:
    return overlap.s_faith(means, average)
