"""V_8: share of the clean map's eight most relevant cells that are still among the eight most relevant."""

from jaxtyping import Float
from numpy import ndarray

from bench.metrics import overlap
from bench.protocols import MetricInput

NEEDS, SHOWN, HIGHER_IS_BETTER = ("twin",), "V_8", True
K = 8  # cells, of the 64 that the embedded world has


def score(seen: MetricInput) -> Float[ndarray, "B 1"]:
    assert seen.twin is not None
    return overlap.topk(seen.maps, seen.twin, K)[:, None].numpy()


def total(means: Float[ndarray, "*S 1"]) -> Float[ndarray, "*S"]:
    return means[..., 0]
