"""Explainers by name, checked: `vta`, `rollout:start_layer=1:fusion=max`, `inverse:of=rollout`; and their maps on the picture."""

import inspect

import torch
from jaxtyping import Float
from torch import Tensor

from runtime import plugins
from runtime.errors import FvitError
from runtime.pictures import resize
from runtime.protocols import Backbone, Explainer

PACKAGE = "runtime.explainers"


def build(spec: str, backbone: Backbone) -> Explainer:
    """The explainer `spec`, NAME or NAME:OPTION=VALUE:..., for `backbone`.

    Refused: an unknown name, option or value (with the nearest), a class that the backbone does not have, and a map with NaN or infinity.
    """
    name, *words = spec.split(":")
    make = plugins.load(PACKAGE, name).build
    defaults = {key: one.default for key, one in inspect.signature(make).parameters.items() if key != "backbone"}
    inner = make(backbone, **plugins.options(name, words, defaults))

    def explain(images: Tensor, classes: Tensor) -> Tensor:
        count, size = len(backbone.classes), backbone.size
        if images.shape[-2:] != (size, size):
            raise FvitError(f"pictures of {images.shape[-2]} x {images.shape[-1]} given; {backbone.name} wants {size} x {size}")
        if len(classes) != len(images) or (len(classes) and not 0 <= int(classes.min()) <= int(classes.max()) < count):
            raise FvitError(f"classes {classes.tolist()} given for {len(images)} pictures; one of 0 to {count - 1} for each is expected")
        with torch.inference_mode(False):
            maps = inner(images.clone(), classes.clone())
        return finite(maps, f"{spec} of {backbone.name}")

    return explain


def class_number(name: str, backbone: Backbone) -> int:
    """The class of that name or number; an unknown one is refused with the nearest, and a name that two classes have."""
    if name.isdigit() and name not in backbone.classes and int(name) < len(backbone.classes):
        return int(name)
    plugins.known(name, backbone.classes, "class")
    if (count := backbone.classes.count(name)) > 1:
        raise FvitError(
            f"{count} classes of {backbone.name} are called {name!r}; give its number, the first is {backbone.classes.index(name)}"
        )
    return backbone.classes.index(name)


def upsampled(maps: Float[Tensor, "B G1 G2"], size: int) -> Float[Tensor, "B S S"]:
    """Maps on the picture: the chain's one resize, bilinear."""
    return resize(maps[:, None], (size, size))[:, 0]


def finite(maps: Tensor, whose: str) -> Tensor:
    """`maps`, refused if one of them is not a number: the public code sets such values to 0."""
    bad = ~torch.isfinite(maps).flatten(1).all(1)
    if bad.any():
        raise FvitError(f"{whose} gave NaN or infinity for picture {int(bad.nonzero()[0])} of the batch; look at its weights and pixels")
    return maps
