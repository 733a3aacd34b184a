"""Average precision of the relevance of each pixel, both channels ranked as one list as the reference does; mean over pictures."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from bench.metrics import segmentation
from bench.protocols import MetricInput

NEEDS, SHOWN, HIGHER_IS_BETTER = ("masks",), "mAP", True


def score(seen: MetricInput) -> Float[ndarray, "B 1"]:
    return np.array([[picture["ap"]] for picture in segmentation.of(seen)], dtype=float)


def total(means: Float[ndarray, "*S 1"]) -> Float[ndarray, "*S"]:
    return means[..., 0]
