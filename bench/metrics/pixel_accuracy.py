"""Pixel accuracy of a map as a segmentation: pixels on their right side over labelled pixels, both summed over pictures."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from bench.metrics import segmentation
from bench.protocols import MetricInput

NEEDS, SHOWN, HIGHER_IS_BETTER = ("masks",), "pixel acc.", True


def score(seen: MetricInput) -> Float[ndarray, "B 2"]:
    return np.array([[picture["correct"], picture["labeled"]] for picture in segmentation.of(seen)], dtype=float)


def total(means: Float[ndarray, "*S 2"]) -> Float[ndarray, "*S"]:
    return segmentation.rate(means[..., 0], means[..., 1])
