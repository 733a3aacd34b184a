"""Rollout of relevance: r (R_L + I) ... (R_s + I),  R_l = mean over heads of (relevance of layer l's map)+."""

from torch import Tensor

from runtime.explainers._matrices import residual
from runtime.maps import attention, relevance
from runtime.maps.layers import roll_back, structure
from runtime.plugins import known
from runtime.protocols import Backbone, Explainer


def build(backbone: Backbone, start_layer: int = 0, rules: str = "chefer") -> Explainer:
    """Rows are not normalised, as in the public code."""
    body = structure(backbone)
    start = attention.chosen(body.layers, start_layer)
    layers = body.layers[start:]
    ruled = relevance.RULES[known(rules, relevance.RULES, "rule set")]

    def explain(images: Tensor, classes: Tensor) -> Tensor:
        record = attention.record(backbone.model, images)
        layer_relevance = attention.relevance(backbone.model, record, classes, ruled, layers)
        return roll_back(body, [residual(heads.clamp_min(0).mean(1), "none") for heads in layer_relevance], start)

    return explain
