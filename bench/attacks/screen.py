"""A strong attack at a moderate price: ascent on the margin with momentum and a falling step; the best point that the attacker saw is kept.

    m_s = 0.75 m_{s-1} + g_s / |g_s|_1,   x_{s+1} = clip(P(x_s + eta_s d(m_s))),   eta_s = eps (1 + cos(pi s / S)) / 2

g_s is the gradient of max_{j != y} z_j - z_y (Carlini and Wagner 2017, f_6, without its cut), a mean over the draws of step s where the classifier is
randomised; momentum as in Dong et al. 2018. The result is the visited point of the largest mean margin, by the attacker's own draws.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from bench.attacks._ascent import Aim, Draws, check, look
from bench.attacks._budget import NORMS, Budget
from bench.attacks._target import Target, draws
from bench.attacks._variant import Variant
from bench.protocols import Attack

MOMENTUM = 0.75
VARIANTS = {
    "screen": Variant(steps=40),
    "screen_through": Variant(steps=40, through=True),
    "screen_known": Variant(steps=40, through=True, fixed=True, known=True),
    "screen_80": Variant(steps=80, through=True),  # each of these doubles one number of screen_through
    "screen_16": Variant(steps=40, through=True, samples=16),
}


def build(target: Target, budget: Budget) -> Attack:
    """On the classifier itself, or through the target's defence; `budget.step` is not read."""
    defence = target.defence
    return climb((lambda step: [target.scores]) if defence is None else draws(target.scores, defence, budget.seed), budget)


def climb(draws: Draws, budget: Budget) -> Attack:
    """`budget.steps` steps from a random start; the points 0 to `budget.steps` are judged."""

    def attack(images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Tensor:
        check("screen", images, labels, pictures)
        aim, found = Aim("screen", labels, pictures, margin), budget.start(images, pictures)
        best, highest = found, torch.full((len(images),), -torch.inf, dtype=images.dtype, device=images.device)
        moved = torch.zeros_like(images)
        for step in range(budget.steps + 1):
            seen = look(aim, draws, step, found)
            better = seen.loss > highest
            best, highest = torch.where(better[:, None, None, None], found, best), torch.where(better, seen.loss, highest)
            if step == budget.steps:
                return best
            size = seen.gradient.abs().sum((1, 2, 3), keepdim=True).clamp_min(torch.finfo(images.dtype).tiny)
            moved = MOMENTUM * moved + seen.gradient / size
            length = budget.eps * (1 + math.cos(math.pi * step / budget.steps)) / 2
            found = budget.inside(found + length * NORMS[budget.norm].direction(moved), images)
        raise AssertionError("the last point is judged")

    return attack


def margin(scores: Float[Tensor, "B K"], labels: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
    """The largest other score less the label's: above 0 where the label is lost."""
    own = scores.gather(1, labels[:, None]).squeeze(1)
    others = scores.scatter(1, labels[:, None], -torch.inf)
    return others.amax(1) - own
