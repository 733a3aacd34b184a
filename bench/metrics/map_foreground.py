"""Average precision of the relevance of each pixel against the foreground alone; mean over the pictures that have one."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from bench.metrics import segmentation
from bench.protocols import MetricInput

NEEDS, SHOWN, HIGHER_IS_BETTER = ("masks",), "mAP (foreground)", True


def score(seen: MetricInput) -> Float[ndarray, "B 2"]:
    return np.array([segmentation.counted(picture["ap_foreground"]) for picture in segmentation.of(seen)], dtype=float)


def total(means: Float[ndarray, "*S 2"]) -> Float[ndarray, "*S"]:
    return segmentation.rate(means[..., 0], means[..., 1])
