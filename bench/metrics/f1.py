"""Mean over the mask's rows of each row's F1; mean over the pictures without ignored pixels."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from bench.metrics import segmentation
from bench.protocols import MetricInput

NEEDS, SHOWN, HIGHER_IS_BETTER = ("masks",), "F1", True


def score(seen: MetricInput) -> Float[ndarray, "B 2"]:
    return np.array([segmentation.counted(picture["f1"]) for picture in segmentation.of(seen)], dtype=float)


def total(means: Float[ndarray, "*S 2"]) -> Float[ndarray, "*S"]:
    return segmentation.rate(means[..., 0], means[..., 1])
