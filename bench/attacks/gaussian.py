"""Gaussian noise brought into the ball, and no search: what an attack has to beat.

x' = clip(x + P(n)),  n ~ N(0, (eps/2)^2) a pixel;  P clips to +-eps in l_inf (4.6% of the pixels) and shrinks to length eps in l2 (any picture
of more than a few pixels is longer, so its noise is uniform on the sphere).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.attacks._ascent import check
from bench.attacks._budget import GAUSSIAN, Budget
from bench.attacks._target import Target
from bench.protocols import Attack
from runtime.noise import DrawNoise


def build(target: Target, budget: Budget) -> Attack:
    """Of the budget it reads `norm`, `eps` and `seed` alone."""

    def attack(images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Tensor:
        check("gaussian", images, labels, pictures)
        noise = DrawNoise(budget.seed, pictures, [GAUSSIAN] * len(pictures)).normal(torch.empty(images.shape))
        return budget.inside(images + budget.eps / 2 * noise.to(images.device), images)

    return attack
