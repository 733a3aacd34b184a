"""Inputs of the attention explainers: the maps of a forward pass, their gradients and their relevance."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from runtime import names
from runtime.errors import FvitError
from runtime.maps.hooks import Record, recorded
from runtime.maps.layers import Layer
from runtime.maps.relevance import Rules, needed, propagate
from runtime.plugins import known
from runtime.protocols import Backbone, Explainer


def maps(model: nn.Module, images: Float[Tensor, "B C H W"], layers: Sequence[Layer]) -> list[Tensor]:
    """The softmax maps of `layers`, each (B x windows, A, N, N)."""
    drops = _drops(layers)
    with torch.no_grad(), recorded(model, drops) as record:
        model(images)
    return [record.outputs[drop] for drop in drops]


@dataclass(frozen=True)
class Seen:
    """Maps of some layers and the gradients of each picture's class score by them; `record` of everything the relevance rules need, if `whole`."""

    maps: list[Tensor]
    gradients: list[Tensor]
    record: Record


def seen(model: nn.Module, images: Tensor, classes: Int[Tensor, " B"], layers: Sequence[Layer], whole: bool = False) -> Seen:
    """`layers`' maps and gradients. The graph begins at the first of these maps: nothing before it is differentiated."""
    drops = _drops(layers)
    with torch.enable_grad(), recorded(model, needed(model.get_submodule("model")) if whole else drops, tracked=drops) as record:
        scores = model(images)
    tracked = [record.outputs[drop] for drop in drops]
    gradients = torch.autograd.grad(scores.gather(1, classes[:, None]).sum(), tracked)
    return Seen([one.detach() for one in tracked], list(gradients), record)


def record(model: nn.Module, images: Tensor) -> Record:
    """One forward pass without gradients: what the rules of relevance read."""
    with torch.no_grad(), recorded(model, needed(model.get_submodule("model"))) as passed:
        model(images)
    return passed


def relevance(model: nn.Module, passed: Record, classes: Tensor, rules: Rules, layers: Sequence[Layer]) -> list[Tensor]:
    """The relevance of `layers`' maps for each picture's class, each (B x windows, A, N, N)."""
    inner = model.get_submodule("model")
    start = one_hot(passed.outputs[inner], classes)
    maps_relevance = propagate(inner, passed, start, rules, [layer.attention for layer in layers])[1].attention
    return [maps_relevance[layer.attention] for layer in layers]


def computed_in(dtype: str, backbone: Backbone, make: Callable[[Backbone], Explainer]) -> Explainer:
    """The explainer that `make` gives for `backbone`, in the weights' own type (`own`), or on a copy of the weights in `float64`.

    Pictures come and maps go in the type of the pictures.
    """
    if known(dtype, names.MAP_TYPES, "type of numbers") == "own":
        return make(backbone)
    exact = make(replace(backbone, model=copy.deepcopy(backbone.model).double()))
    return lambda images, classes: exact(images.double(), classes).to(images.dtype)


def one_hot(scores: Tensor, classes: Tensor) -> Tensor:
    """1 at each picture's class."""
    return torch.zeros_like(scores).scatter_(1, classes[:, None], 1.0)


def chosen(layers: Sequence[Layer], number: int) -> int:
    """The index of layer `number`, counted from the end where that is negative."""
    if not -len(layers) <= number < len(layers):
        raise FvitError(f"layer {number} was asked for; there are {len(layers)}, 0 to {len(layers) - 1} (or -1, the last)")
    return number % len(layers)


def _drops(layers: Sequence[Layer]) -> list[nn.Module]:
    return [layer.attention.get_submodule("attn_drop") for layer in layers]
