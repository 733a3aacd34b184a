"""Auto-PGD (Croce and Hein 2020, Algorithm 1): ascent with momentum whose step is halved, picture by picture, where the loss stops rising.

    z = P(x_s + eta_s d(g_s)),   x_{s+1} = P(x_s + 0.75 (z - x_s) + 0.25 (x_s - x_{s-1})),   eta_0 = 2 eps;   first step: x_1 = z

At a checkpoint, the end of a period, a picture's eta is halved and it goes on from its highest-loss point if the loss rose in at most
rho = 0.75 of the period's steps, or if eta was kept at the last checkpoint and the highest loss has not risen since. Periods: 0.22 n steps,
each next one 0.03 n shorter, never under 0.06 n (rounded down, at least 1). The first step rises if it is above the start's loss, as in the
paper (the authors' code compares it with 0). Of the budget `step` is not read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from bench.attacks._ascent import Aim, Draws, check, cross_entropy, look
from bench.attacks._budget import NORMS, Budget
from bench.attacks._target import Target
from bench.attacks._variant import Variant
from bench.protocols import Attack
from runtime.errors import FvitError
from runtime.plugins import known

RHO, KEPT = 0.75, 0.75  # the share of rising steps that keeps eta; the share of a step that is not momentum

VARIANTS = {"apgd": Variant(steps=20)}


def build(target: Target, budget: Budget) -> Attack:
    """APGD-CE on the classifier itself: one start, `budget.steps` steps."""
    return auto_pgd("apgd", lambda step: [target.scores], budget, "ce")


def auto_pgd(name: str, draws: Draws, budget: Budget, loss: str) -> Attack:
    """The attack `name` on `loss` ce or dlr: the last point visited, the start included, that fooled the classifier, else the highest-loss one.

    Several classifiers a step (EOT): loss, gradient and scores are means over them. It reads steps 0 to `budget.steps` of `draws`.
    """
    known(loss, LOSSES, "loss")

    def attack(images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Tensor:
        check(name, images, labels, pictures)
        climbed = climb(Aim(name, labels, pictures, LOSSES[loss]), draws, budget, images, budget.start(images, pictures))
        return torch.where(_rows(climbed.fooled), climbed.last, climbed.best)

    return attack


@dataclass(frozen=True)
class Climbed:
    """`best`: the point of the highest `loss`. `last`: the last point visited that fooled the classifier, where `fooled`, else the start."""

    best: Float[Tensor, "B C H W"]
    loss: Float[Tensor, " B"]
    last: Float[Tensor, "B C H W"]
    fooled: Bool[Tensor, " B"]


def climb(aim: Aim, draws: Draws, budget: Budget, images: Float[Tensor, "B C H W"], start: Float[Tensor, "B C H W"]) -> Climbed:
    """`budget.steps` steps from `start`, which lies in the ball around `images` and in [0, 1]."""
    seen = look(aim, draws, 0, start)
    found, before, gradient = start, start, seen.gradient
    best, best_gradient, best_loss, last, fooled = start, seen.gradient, seen.loss, start, ~seen.right
    eta, halved, level = torch.full_like(seen.loss, 2 * budget.eps), torch.ones_like(fooled), seen.loss
    losses, periods = [seen.loss], checkpoints(budget.steps)
    for step in range(1, budget.steps + 1):
        found, before = (
            _moved(budget, images, (found, before if step > 1 else None), _rows(eta) * NORMS[budget.norm].direction(gradient)),
            found,
        )
        seen = look(aim, draws, step, found)
        gradient, fooled = seen.gradient, fooled | ~seen.right
        last = torch.where(_rows(seen.right), last, found)
        risen = seen.loss > best_loss
        best, best_gradient = torch.where(_rows(risen), found, best), torch.where(_rows(risen), gradient, best_gradient)
        best_loss = torch.where(risen, seen.loss, best_loss)
        losses.append(seen.loss)
        if period := periods.get(step):
            halved = _stalled(losses[-period - 1 :]) | (~halved & (level >= best_loss))
            eta, level = torch.where(halved, eta / 2, eta), best_loss
            found, gradient = torch.where(_rows(halved), best, found), torch.where(_rows(halved), best_gradient, gradient)
    return Climbed(best, best_loss, last, fooled)


def checkpoints(steps: int) -> dict[int, int]:
    """Checkpoint -> length of the period that ends there, in steps counted from 1."""
    period, shorter, shortest = (max(int(part * steps), 1) for part in (0.22, 0.03, 0.06))
    ends, end = {}, period
    while end <= steps:
        ends[end] = period
        period = max(period - shorter, shortest)
        end += period
    return ends


def dlr(scores: Float[Tensor, "B K"], labels: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
    """Difference of logits ratio: -(z_y - max_{i != y} z_i) / (z_(1) - z_(3)), z_(1) the largest; shift and scale of z do not change it."""
    if scores.shape[1] < 3:
        raise FvitError(f"the loss dlr divides by the first score minus the third and {scores.shape[1]} classes given; choose the loss ce")
    ordered = scores.sort(1, descending=True).values
    own = scores.gather(1, labels.long()[:, None])[:, 0]
    other = torch.where(scores.argmax(1) == labels, ordered[:, 1], ordered[:, 0])
    return (other - own) / (ordered[:, 0] - ordered[:, 2] + 1e-12)


LOSSES = {"ce": cross_entropy, "dlr": dlr}


def _moved(budget: Budget, images: Tensor, points: tuple[Tensor, Tensor | None], step: Tensor) -> Float[Tensor, "B C H W"]:
    """From points = (x_s, x_{s-1}), None at the first step, to x_{s+1}."""
    found, before = points
    z = budget.inside(found + step, images)
    return z if before is None else budget.inside(found + KEPT * (z - found) + (1 - KEPT) * (found - before), images)


def _stalled(losses: list[Tensor]) -> Bool[Tensor, " B"]:
    """Whether the loss rose in at most RHO of the steps between these losses."""
    track = torch.stack(losses)
    return (track[1:] > track[:-1]).sum(0) <= RHO * (len(losses) - 1)


def _rows(values: Tensor) -> Tensor:
    return values[:, None, None, None]
