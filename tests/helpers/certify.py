"""A world of small networks that certificates are tried on."""

from dataclasses import replace

import pytest
import torch

from bench.worlds import attack
from bench.worlds.embedded import Embedded
from bench.worlds.world import Brought, Pictures
from helpers.small import small_backbone, small_denoiser


class SmallWorld(Embedded):
    """Pictures of noise at 24 px, all of class 0."""

    def __init__(self, broken: tuple[int, ...] = ()):
        super().__init__(Brought())
        self.broken = broken

    def backbone(self, name=None):
        return small_backbone()

    def denoiser(self):
        return small_denoiser()

    def facts(self):
        return {}

    def pictures(self, task, split, numbers, backbone):
        if numbers[0] in self.broken:
            return Pictures([], torch.empty(0, 3, 24, 24), torch.empty(0, dtype=torch.int64), left_out=[("p.png", "cut off")])
        images = torch.rand(len(numbers), 3, 24, 24, generator=torch.Generator().manual_seed(numbers[0]))
        return Pictures(list(numbers), images, torch.zeros(len(numbers), dtype=torch.int64))


def shorten(patch: pytest.MonkeyPatch) -> None:
    """Attacks take two steps."""
    whole = attack.paper
    patch.setattr(attack, "paper", lambda *asked: replace(whole(*asked), steps=2))
