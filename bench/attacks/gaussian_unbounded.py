"""Gaussian noise of standard deviation eps in every pixel, clipped to [0, 1] alone: the natural noise of Table 9. No search, no ball."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.attacks._ascent import check
from bench.attacks._budget import GAUSSIAN, Budget
from bench.attacks._target import Target
from bench.protocols import Attack
from runtime.noise import DrawNoise


def build(target: Target, budget: Budget) -> Attack:
    """x' = clip(x + eps n), n normal. Of the budget it reads `eps` and `seed` alone."""

    def attack(images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Tensor:
        check("gaussian_unbounded", images, labels, pictures)
        noise = DrawNoise(budget.seed, pictures, [GAUSSIAN] * len(pictures)).normal(torch.empty(images.shape))
        return (images + budget.eps * noise.to(images.device)).clamp(0.0, 1.0)

    return attack
