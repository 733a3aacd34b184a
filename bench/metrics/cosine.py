"""Cosine of a map and the clean picture's map by the same method."""

from jaxtyping import Float
from numpy import ndarray

from bench.metrics import overlap
from bench.protocols import MetricInput

NEEDS, SHOWN, HIGHER_IS_BETTER = ("twin",), "cosine", True


def score(seen: MetricInput) -> Float[ndarray, "B 1"]:
    assert seen.twin is not None
    return overlap.cosine(seen.maps, seen.twin)[:, None].numpy()


def total(means: Float[ndarray, "*S 1"]) -> Float[ndarray, "*S"]:
    return means[..., 0]
