"""Raw attention: what the head's token takes from each patch in one layer, mean over heads."""

from torch import Tensor

from runtime.maps import attention
from runtime.maps.layers import roll_back, structure
from runtime.protocols import Backbone, Explainer


def build(backbone: Backbone, layer: int = 0) -> Explainer:
    """Of layer `layer`; the paper takes the first, evaluations elsewhere the last (-1). It does not look at the class."""
    body = structure(backbone)
    number = attention.chosen(body.layers, layer)

    def explain(images: Tensor, classes: Tensor) -> Tensor:
        (heads,) = attention.maps(backbone.model, images, [body.layers[number]])
        return roll_back(body, [heads.mean(1)], number)

    return explain
