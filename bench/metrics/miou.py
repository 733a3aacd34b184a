"""Mean over background and foreground of intersection over union, both summed over pictures."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from bench.metrics import segmentation
from bench.protocols import MetricInput

NEEDS, SHOWN, HIGHER_IS_BETTER = ("masks",), "mIoU", True


def score(seen: MetricInput) -> Float[ndarray, "B 4"]:
    return np.array(
        [[*picture["inter"], *picture["union"]] for picture in segmentation.of(seen)],
        dtype=float,
    )


def total(means: Float[ndarray, "*S 4"]) -> Float[ndarray, "*S"]:
    return segmentation.iou(means)
