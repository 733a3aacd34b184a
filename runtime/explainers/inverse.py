"""A control: another explainer's map inverted, each picture's largest relevance minus the map."""

from torch import Tensor

from runtime import plugins
from runtime.protocols import Backbone, Explainer


def build(backbone: Backbone, of: str = "vta") -> Explainer:
    """The inverse of the explainer `of`, with that one's own defaults."""
    inner = plugins.load("runtime.explainers", of).build(backbone)

    def explain(images: Tensor, classes: Tensor) -> Tensor:
        maps = inner(images, classes)
        return maps.amax((1, 2), keepdim=True) - maps

    return explain
