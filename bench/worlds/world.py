"""Worlds: pictures, a backbone and a denoiser that belong together.

embedded  64 px, small trained networks, handwriting on photographs: the whole table in minutes on a laptop
paper     224 and 256 px, ViT-B/16 and the 552.8 M UNet; the user's checkpoint and pictures when given, seeded random weights otherwise
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from skimage import data
from torch import Tensor

from bench.worlds.data import digits as embedded
from runtime import pictures
from runtime.backbones import build as backbones
from runtime.checkpoints import fingerprint
from runtime.diffusion import networks as denoisers
from runtime.diffusion.networks import DenoiserNetwork
from runtime.plugins import known
from runtime.protocols import Backbone

DEFAULTS = {"embedded": ("vit_embedded", "unet_embedded"), "paper": ("vit_b16", "adm_256")}
NOISE = 64  # of 255: the embedded world's real noise, as fvit world chose it on the validation split
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")


@dataclass(frozen=True)
class WorldOptions:
    """What the user may bring; None means the world's own."""

    name: str = "embedded"
    backbone: str | None = None
    weights: Path | None = None
    classes: Path | None = None
    denoiser_weights: Path | None = None
    head_channels: int = 64
    pictures: Path | None = None
    images: int = 1


@dataclass(frozen=True)
class World:
    """`images` (B, 3, S, S) in [0, 1] at the backbone's size; `source` says what they are, `own` where the user's pictures lie."""

    name: str
    images: Tensor
    source: str
    backbone: Backbone
    denoiser: DenoiserNetwork
    own: Path | None = None

    def fingerprints(self) -> dict[str, str]:
        """Hashes of the weights and of the pictures: what a campaign may not mix."""
        pixels = hashlib.sha256(self.images.numpy().tobytes()).hexdigest()
        networks = {"backbone": fingerprint(self.backbone.model), "denoiser": fingerprint(self.denoiser.model)}
        return {name: value[:16] for name, value in (networks | {"pictures": pixels}).items()}


def build(options: WorldOptions) -> World:
    """The world `options.name`, with what the user brought in place of its own."""
    own_backbone, own_denoiser = DEFAULTS[known(options.name, DEFAULTS, "world")]
    backbone = backbones.build(options.backbone or own_backbone, options.weights, options.classes)
    denoiser = denoisers.build(own_denoiser, options.denoiser_weights, options.head_channels)
    images, source = _pictures(options, backbone.size)
    return World(options.name, images, source, backbone, denoiser, options.pictures)


def _pictures(options: WorldOptions, size: int) -> tuple[Tensor, str]:
    if options.pictures is not None:
        files = pictures.find(options.pictures)[: options.images]
        return torch.stack([pictures.read(file, size) for file in files]), f"{len(files)} of {options.pictures.name}"
    if options.name == "embedded":
        task, split = embedded.TASKS[0], "test"
        return embedded.batch(task, split, range(options.images)).images, f"{task}, {split} split, from 0"
    names = [PHOTOGRAPHS[i % len(PHOTOGRAPHS)] for i in range(options.images)]
    stack = [pictures.square(Image.fromarray(getattr(data, name)()), size, name) for name in names]
    return torch.stack(stack), f"scikit-image's {', '.join(dict.fromkeys(names))}"
