"""Random noise, uniform in the ball, and no search: what an attack has to beat."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from bench.attacks._ascent import check
from bench.attacks._budget import Budget
from bench.attacks._target import Target
from bench.protocols import Attack


def build(target: Target, budget: Budget) -> Attack:
    """x' = clip(x + eps u), u uniform in the norm's unit ball: where pgd begins. Of the budget it reads `norm`, `eps` and `seed` alone."""

    def attack(images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Tensor:
        check("uniform", images, labels, pictures)
        return replace(budget, random_start=True).start(images, pictures)

    return attack
