"""Projected gradient descent (Madry et al. 2018) on the classifier itself; the defence is not looked at."""

from bench.attacks._ascent import ascend
from bench.attacks._budget import Budget
from bench.attacks._target import Target
from bench.protocols import Attack


def build(target: Target, budget: Budget) -> Attack:
    """As torchattacks' PGD and PGDL2 and as foolbox's without a random start; with one, each start is uniform in the ball."""
    return ascend("pgd", lambda step: [target.scores], budget)
