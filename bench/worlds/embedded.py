"""The world that ships: handwritten digits on photographs with exact masks, 64 px, in three tasks, and small trained networks."""

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from bench.worlds.data import digits
from bench.worlds.world import Brought, Pictures, Scene, World
from runtime import pictures as files
from runtime.backbones import build as backbones
from runtime.diffusion import networks as denoisers
from runtime.diffusion.networks import DenoiserNetwork
from runtime.protocols import Backbone

SCENE = Scene(
    {"ViT": "vit_embedded", "DeiT": "deit_embedded", "Swin": "swin_embedded"},
    digits.TASKS,
    digits.TASKS[0],
    digits.TASKS,
    "the trained networks that ship",
    {"digits": "ImageNet", "pairs": "COCO", "crowd": "Cityscapes"},
)
CALIBRATION = (48, 102)  # of the validation split; half a percent of the second is no label


def open(brought: Brought) -> World:
    return Embedded(brought)


class Embedded:
    """Its noise was chosen on the validation split (`fvit world`)."""

    name, chunk, keep, noise, grid = "embedded", 20, 3, 64 / 255, 64
    parity_batches, calibration_batch, denoises, measures_layers, scene = (1, 2, 5), 16, True, True, SCENE

    def __init__(self, brought: Brought):
        self.brought = brought
        self._denoiser = functools.cache(lambda: denoisers.build("unet_embedded", brought.denoiser_weights, brought.head_channels))

    def backbone(self, name: str | None = None) -> Backbone:
        name = name or self.brought.backbone or SCENE.main
        return backbones.build(name, self.brought.checkpoints.get(name), self.brought.classes)

    def denoiser(self) -> DenoiserNetwork:
        return self._denoiser()

    def require(self, backbone: str) -> None:
        """Everything ships."""

    def size(self, task: str, split: str, backbone: Backbone) -> int:
        return digits.SPLITS[split].size

    def pictures(self, task: str, split: str, numbers: Sequence[int], backbone: Backbone) -> Pictures:
        batch = digits.batch(task, split, numbers)
        return Pictures(list(numbers), batch.images, batch.labels, (batch.masks == 1).long(), (batch.masks == 2).long(), batch.others)

    def samples(self, count: int, backbone: Backbone) -> tuple[Tensor, str]:
        if own := self.brought.pictures:
            paths = files.find(own)[:count]
            return torch.stack([files.read(path, backbone.size) for path in paths]), f"{len(paths)} of {own.name}"
        return digits.batch(SCENE.task, "test", range(count)).images, f"{SCENE.task}, test split, from 0"

    def calibration(self, first: int, count: int, backbone: Backbone) -> tuple[Tensor, str]:
        part = range(first // len(digits.TASKS), (first + count) // len(digits.TASKS))
        batches = [digits.batch(task, "val", part).images for task in digits.TASKS]
        return torch.cat(batches), f"validation pictures of {', '.join(digits.TASKS)}"

    def calibration_size(self) -> tuple[int, int]:
        return CALIBRATION

    def slow_on(self, device: str) -> bool:
        return False

    def facts(self) -> dict[str, str]:
        names = dict.fromkeys((*SCENE.backbones.values(), *self.brought.checkpoints))
        weights = {name: self.backbone(name).weights for name in names} | {"unet_embedded": self.denoiser().weights}
        return {name: str(one) if one.sha[:12] in str(one) else f"{one} {one.sha[:12]}" for name, one in weights.items()}

    def notes(self) -> list[str]:
        return []
