"""Gradient rollout (Gildenblat's vit-explain): rollout of (mean over heads of attention x its gradient)+."""

from torch import Tensor

from runtime.explainers._matrices import discarded, residual
from runtime.maps import attention
from runtime.maps.layers import roll_back, structure
from runtime.protocols import Backbone, Explainer


def build(backbone: Backbone, start_layer: int = 0, discard: float = 0.0, normalise: str = "rows") -> Explainer:
    """Each layer's map meets its own gradient; the public code pairs the first map with the last gradient, and so on."""
    body = structure(backbone)
    start = attention.chosen(body.layers, start_layer)
    layers = body.layers[start:]

    def explain(images: Tensor, classes: Tensor) -> Tensor:
        recorded = attention.seen(backbone.model, images, classes, layers)
        weighted = [(a * g).mean(1).clamp_min(0) for a, g in zip(recorded.maps, recorded.gradients, strict=True)]
        matrices = [residual(discarded(matrix, discard), normalise) for matrix in weighted]
        return roll_back(body, matrices, start)

    return explain
