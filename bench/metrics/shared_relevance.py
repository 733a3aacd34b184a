"""The relevance that a map shares with the clean picture's map by the same method: 1 where the map did not move."""

from jaxtyping import Float
from numpy import ndarray

from bench.metrics import overlap
from bench.protocols import MetricInput

NEEDS, SHOWN, HIGHER_IS_BETTER = ("twin",), "shared relevance", True


def score(seen: MetricInput) -> Float[ndarray, "B 1"]:
    assert seen.twin is not None
    return overlap.shared_relevance(seen.maps, seen.twin)[:, None].numpy()


def total(means: Float[ndarray, "*S 1"]) -> Float[ndarray, "*S"]:
    return means[..., 0]
