"""Fast gradient sign method (Goodfellow et al. 2015): x' = clip(x + eps sign(grad CE(f(x), y))); in l2 x' = clip(x + eps g / |g|_2)."""

from dataclasses import replace

from bench.attacks._ascent import ascend
from bench.attacks._budget import Budget
from bench.attacks._target import Target
from bench.protocols import Attack


def build(target: Target, budget: Budget) -> Attack:
    """One step of length eps from the picture itself: of the budget it reads `norm` and `eps` alone."""
    return ascend("fgsm", lambda step: [target.scores], replace(budget, step=budget.eps, steps=1, random_start=False))
