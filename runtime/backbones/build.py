"""Backbones by name, and any timm model: the classifier takes [0, 1] pixels and its normalisation is part of it."""

import math
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import timm
import torch
from timm.data import ImageNetInfo, resolve_data_config
from torch import Tensor, nn

from runtime import checkpoints, plugins
from runtime.errors import FvitError
from runtime.network import random_weights, randomize
from runtime.pictures import Crop
from runtime.protocols import Backbone

PACKAGE = "runtime.backbones"
EMBEDDED_CLASSES = tuple("0123456789")
SEED = 0


class PixelClassifier(nn.Module):
    """Pixels in [0, 1] -> (x - mean) / std -> scores."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, 3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.model((pixels - self.mean) / self.std)


def build(name: str, weights: str | Path | None = None, classes: str | Path | None = None) -> Backbone:
    """The backbone `name`, or `timm:NAME` for any timm model; `weights` a checkpoint of it, `classes` a file with one name a line.

    Without `weights` the embedded world's networks get the trained ones that ship, all others random ones from a fixed seed;
    `Backbone.weights` says which. An unknown name is refused with the nearest.
    """
    names = list(_read_names(classes)) if classes is not None else None
    if name.startswith("timm:"):
        backbone = from_timm(name, plugins.known(name.removeprefix("timm:"), timm.list_models(), "timm model"), names)
    else:
        modules = _modules()
        backbone = modules[plugins.known(name, modules, "backbone")].build(name)
        if names is not None and len(names) != len(backbone.classes):
            raise FvitError(f"{classes} names {len(names)} classes, {name} has {len(backbone.classes)}; give one name a line for each")
        backbone = replace(backbone, classes=tuple(names)) if names is not None else backbone
    if weights is None:
        return backbone
    inner = backbone.model.get_submodule("model")
    checkpoints.fill(inner, checkpoints.read(weights), str(weights))
    return replace(backbone, weights=checkpoints.of_file(weights))


def from_timm(name: str, timm_name: str, classes: list[str] | None = None) -> Backbone:
    """A timm model with seeded random weights, its normalisation, picture size and crop from timm's data config."""
    own = {} if classes is None else {"num_classes": len(classes)}
    model = timm.create_model(timm_name, pretrained=False, **own)  # type: ignore[arg-type]
    config = resolve_data_config({}, model=model)
    count = int(getattr(model, "num_classes", 0))
    if classes is None:
        imagenet = ImageNetInfo()
        classes = [imagenet.index_to_description(i) if count == 1000 else f"class {i}" for i in range(count)]
    side = config["input_size"][-1]
    built = wrap(name, model, tuple(classes), config["mean"], config["std"], side)
    squash = config["crop_mode"] == "squash"
    return replace(built, crop=Crop(side, math.floor(side / config["crop_pct"]), config["interpolation"], squash))


def embedded(name: str, model: nn.Module) -> Backbone:
    """`model` as a backbone of the embedded world, with the trained weights that ship."""
    built = wrap(name, model, EMBEDDED_CLASSES, mean=(0.5,) * 3, std=(0.5,) * 3)
    return replace(built, weights=checkpoints.fill_shipped(model, name))


def wrap(
    name: str, model: nn.Module, classes: tuple[str, ...], mean: tuple[float, ...], std: tuple[float, ...], size: int = 64
) -> Backbone:
    """`model` as a Backbone with seeded random weights, in eval mode and without gradients for its parameters."""
    randomize(model, SEED)
    embed = getattr(model, "patch_embed", None)
    grid = tuple(getattr(embed, "grid_size", None) or (0, 0))
    pixels = PixelClassifier(model, tuple(mean), tuple(std)).eval().requires_grad_(False)
    return Backbone(name, pixels, size, (grid[0], grid[1]), getattr(model, "num_prefix_tokens", 0), classes, random_weights(SEED))


def _modules() -> dict[str, ModuleType]:
    """Each backbone's name -> the plugin that builds it."""
    modules: dict[str, ModuleType] = {}
    for module in (plugins.load(PACKAGE, plugin) for plugin in plugins.names(PACKAGE)):
        for name in module.NAMES:
            if modules.setdefault(name, module) is not module:
                raise FvitError(f"{module.__file__} and {modules[name].__file__} both have a backbone called {name}; rename one of them")
    return modules


def _read_names(classes: str | Path) -> list[str]:
    path = Path(classes)
    if not path.is_file():
        raise FvitError(f"no class names at {path}; a text file with one name a line is expected")
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]
