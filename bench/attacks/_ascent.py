"""Projected gradient ascent on the cross entropy (Madry et al. 2018, section 2.1), the loop of most attacks here, and what its steps see.

    x_{s+1} = clip(x + P(x_s + step d(g_s) - x)),   g_s = mean over f in F_s of grad CE(f(x_s), y)

P projects onto the ball and d is the norm's direction (`_budget.py`); F_s are the classifiers of step s, several draws of a randomised one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from bench.attacks._budget import Budget
from bench.protocols import Attack, Scores
from runtime import pictures as files
from runtime.errors import FvitError

Draws = Callable[[int], Iterable[Scores]]  # step -> F_s
Loss = Callable[[Tensor, Tensor], Tensor]  # scores (B, K), labels (B) -> losses (B), one picture's its own


def cross_entropy(scores: Float[Tensor, "B K"], labels: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
    """log sum exp z - z_y, picture by picture."""
    return F.cross_entropy(scores, labels, reduction="none")


@dataclass(frozen=True)
class Aim:
    """What an attack called `name` does to one batch: raise `loss` for these `labels` (B). `pictures` are the images' numbers."""

    name: str
    labels: Int[Tensor, " B"]
    pictures: Sequence[int]
    loss: Loss = cross_entropy


@dataclass(frozen=True)
class Ascended:
    """What the classifiers of one step say, each a mean over them; `right`: the mean scores name the label."""

    gradient: Float[Tensor, "B C H W"]
    loss: Float[Tensor, " B"]
    right: Bool[Tensor, " B"]


def ascend(name: str, draws: Draws, budget: Budget) -> Attack:
    """The attack `name`: untargeted, on every picture whether or not it is classified rightly, always all its steps."""

    def attack(images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Tensor:
        check(name, images, labels, pictures)
        aim, found = Aim(name, labels, pictures), budget.start(images, pictures)
        for step in range(budget.steps):
            found = budget.move(found, look(aim, draws, step, found).gradient, images)
        return found

    return attack


def check(name: str, images: Tensor, labels: Tensor, pictures: Sequence[int]) -> None:
    """Refuses what no attack can use: other than pictures in [0, 1], one whole label from 0 up and one number each."""
    files.check(images)
    whole = not (labels.is_floating_point() or labels.dtype == torch.bool)
    if labels.shape != (len(images),) or len(pictures) != len(images) or not whole or (labels < 0).any():
        raise FvitError(
            f"{name}: labels {tuple(labels.shape)} {labels.dtype} and {len(pictures)} numbers given for {len(images)} images; "
            "one whole label from 0 up and one number each are expected"
        )


def look(aim: Aim, draws: Draws, step: int, images: Float[Tensor, "B C H W"]) -> Ascended:
    """The classifiers of `step` at `images`; a gradient that is not finite is an error that names its pictures."""
    one_by_one = [_gradient(scores, aim, images) for scores in draws(step)]
    gradient, loss, scores = (_mean(parts) for parts in zip(*one_by_one, strict=True))
    check_gradient(aim.name, gradient, step, aim.pictures)
    return Ascended(gradient, loss, scores.argmax(1) == aim.labels)


def check_gradient(name: str, gradient: Float[Tensor, "B C H W"], step: int, pictures: Sequence[int]) -> None:
    """sign(NaN) is 0 in PyTorch: without this an attack would leave the picture as it is and call it robust."""
    if not torch.isfinite(gradient).all():
        blind = [number for number, row in zip(pictures, gradient, strict=True) if not torch.isfinite(row).all()]
        raise FvitError(
            f"{name}: the gradient is not finite at step {step} for pictures {blind}; check the network's weights and precision"
        )


def scored(scores: Scores, images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Float[Tensor, "B K"]:
    """The scores, refused where they do not fit the pictures and labels."""
    logits = scores(images, pictures)
    if logits.ndim != 2 or len(logits) != len(images) or labels.max() >= logits.shape[1]:
        raise FvitError(
            f"scores {tuple(logits.shape)} for {len(images)} pictures, labels up to {labels.max()}; (B, K), K above all, is expected"
        )
    if logits.shape[1] < 2:
        raise FvitError("a classifier of one class given, which no attack can turn; two classes or more are expected")
    return logits


def _mean(parts: Sequence[Tensor]) -> Tensor:
    return sum(parts[1:], parts[0]) / len(parts)


def _gradient(scores: Scores, aim: Aim, images: Float[Tensor, "B C H W"]) -> tuple[Tensor, Tensor, Tensor]:
    """Of the sum of the pictures' losses: each picture's gradient is its own; with the losses and scores. Only the pictures get one."""
    x = images.detach().requires_grad_()
    with torch.enable_grad():
        logits = scored(scores, x, aim.labels, aim.pictures)
        if not logits.requires_grad:
            raise FvitError("the scores carry no gradient back to the pictures; attack eager networks, outside of inference_mode")
        loss = aim.loss(logits, aim.labels)
        return torch.autograd.grad(loss.sum(), x)[0], loss.detach(), logits.detach()
