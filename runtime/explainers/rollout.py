"""Attention rollout (Abnar and Zuidema 2020): the product over layers of row-normalised (heads fused + identity), read where the head reads.

r A'_L ... A'_s,  A'_l = rows of (fuse_h A_l + I) divided by their sums,  s the start layer.
"""

from torch import Tensor

from runtime.explainers._matrices import discarded, fused, residual
from runtime.maps import attention
from runtime.maps.layers import roll_back, structure
from runtime.protocols import Backbone, Explainer


def build(backbone: Backbone, start_layer: int = 0, fusion: str = "mean", discard: float = 0.0, normalise: str = "rows") -> Explainer:
    """`fusion` of heads: mean, max or min; `discard`: share of each matrix's smallest entries set to 0. It does not look at the class."""
    body = structure(backbone)
    start = attention.chosen(body.layers, start_layer)
    layers = body.layers[start:]

    def explain(images: Tensor, classes: Tensor) -> Tensor:
        maps = attention.maps(backbone.model, images, layers)
        cut = [discarded(fused(heads, fusion), discard, keep_first=body.prefix > 0) for heads in maps]
        return roll_back(body, [residual(matrix, normalise) for matrix in cut], start)

    return explain
