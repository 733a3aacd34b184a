"""Uniform noise of standard deviation eps in every pixel, clipped to [0, 1]: as strong as Table 9's Gaussian noise. No search."""

import math
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from bench.attacks._ascent import check
from bench.attacks._budget import Budget
from bench.attacks._target import Target
from bench.protocols import Attack


def build(target: Target, budget: Budget) -> Attack:
    """x' = clip(x + sqrt(3) eps u), u uniform in [-1, 1]. Of the budget it reads `eps` and `seed` alone."""

    def attack(images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Tensor:
        check("uniform_deviation", images, labels, pictures)
        wide = replace(budget, norm="linf", eps=math.sqrt(3.0) * budget.eps, random_start=True)
        return wide.start(images, pictures)

    return attack
