"""How many pictures an attack or a metric sends through the networks for one picture of the data: counted by running it on small networks."""

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from bench.protocols import MetricInput
from bench.trials.metric import find
from bench.worlds import attack as attacks
from bench.worlds.attack import Threat
from bench.worlds.defence import Defence
from bench.worlds.workbench import Workbench
from bench.worlds.world import World
from runtime.backbones.build import wrap
from runtime.diffusion import schedule
from runtime.diffusion.networks import DenoiserNetwork
from runtime.network import random_weights
from runtime.protocols import Backbone

SIDE, PATCH, CLASSES = 32, 8, 4
NEVER = 1e-9  # a radius within which no label changes: an attack then makes all the calls it can


@dataclass(frozen=True)
class Calls:
    """Pictures through the classifier and through the denoiser, without a gradient and with one (`_back`)."""

    classify: int = 0
    classify_back: int = 0
    denoise: int = 0
    denoise_back: int = 0


def of_attack(threat: Threat, defence: Defence) -> Calls:
    """The most that the attack needs: it stops nowhere early."""
    if not threat.through:
        defence = Defence()
    elif not threat.known:
        defence = replace(defence, draws=1, first=0, seed=0, fuse="mean")
    return _of_attack(replace(threat, eps=NEVER), defence)


@functools.cache
def _of_attack(threat: Threat, defence: Defence) -> Calls:
    stand_in = _StandIn()
    images = torch.full((1, 3, SIDE, SIDE), 0.5)
    labels = stand_in.bench.backbone.model(images).argmax(1)
    stand_in.counts.clear()
    attacks.attack(threat, stand_in.bench, defence, images, labels, [0])
    return Calls(**stand_in.counts)


@functools.cache
def of_metric(spec: str) -> tuple[int, int]:
    """Answers of the undefended classifier and of the defence that the metric asks for, besides that of the picture itself."""
    images, maps, mask = torch.full((1, 3, SIDE, SIDE), 0.5), torch.rand(1, PATCH, PATCH), torch.ones(1, SIDE, SIDE, dtype=torch.long)
    mask[:, : SIDE // 2] = 0
    counts: Counter[str] = Counter()

    def counted(name: str) -> Callable[[Tensor, Sequence[int]], Tensor]:
        def classify(images: Tensor, numbers: Sequence[int]) -> Tensor:
            counts[name] += len(images)
            return torch.zeros(len(images), dtype=torch.long)

        return classify

    zero = torch.zeros(1, dtype=torch.long)
    find(spec).score(MetricInput(images, zero, maps, mask, maps, counted("plain"), images, counted("defended"), [0]))
    return counts["plain"], counts["defended"]


class _StandIn:
    """A world of a ViT of one block and a denoiser without weights, which count the pictures they are given."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.bench = Workbench(cast(World, self))

    def backbone(self, name: str | None = None) -> Backbone:
        model = VisionTransformer(img_size=SIDE, patch_size=PATCH, embed_dim=12, depth=1, num_heads=3, num_classes=CLASSES)
        network = wrap("stand-in", model, tuple(map(str, range(CLASSES))), (0.5,) * 3, (0.5,) * 3, size=SIDE)
        self._count(network.model, "classify")
        return network

    def denoiser(self) -> DenoiserNetwork:
        network = DenoiserNetwork("stand-in", _Nothing(), SIDE, 3, schedule.linear(), random_weights(0))
        self._count(network.model, "denoise")
        return network

    def _count(self, model: nn.Module, name: str) -> None:
        def count(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            back = torch.is_grad_enabled() and given[0].requires_grad
            self.counts[f"{name}_back" if back else name] += len(given[0])

        model.register_forward_pre_hook(count)


class _Nothing(nn.Module):
    """An epsilon network that finds no noise."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return 0 * x
