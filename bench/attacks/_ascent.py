"""Projected gradient ascent on the cross entropy (Madry et al. 2018, section 2.1), the loop of every attack here.

    x_{s+1} = clip(x + P(x_s + step d(g_s) - x)),   g_s = mean over f in F_s of grad CE(f(x_s), y)

P projects onto the ball and d is the norm's direction (`_budget.py`); F_s are the classifiers of step s, several draws of a randomised one.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from bench.attacks._budget import Budget
from bench.protocols import Attack, Scores
from runtime.errors import FvitError
from runtime.smooth import check_pictures

Draws = Callable[[int], Iterable[Scores]]  # step -> F_s


def ascend(name: str, draws: Draws, budget: Budget) -> Attack:
    """The attack `name`: untargeted, on every picture whether or not it is classified rightly, always all its steps."""

    def attack(images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Tensor:
        _check(name, images, labels, pictures)
        found = budget.start(images, pictures)
        for step in range(budget.steps):
            gradients = [_gradient(scores, found, labels, pictures) for scores in draws(step)]
            gradient = sum(gradients[1:], gradients[0]) / len(gradients)
            if not torch.isfinite(gradient).all():
                blind = [number for number, row in zip(pictures, gradient, strict=True) if not torch.isfinite(row).all()]
                raise FvitError(
                    f"{name}: the gradient is not finite at step {step} for pictures {blind}; check the network's weights and precision"
                )
            found = budget.move(found, gradient, images)
        return found

    return attack


def _check(name: str, images: Tensor, labels: Tensor, pictures: Sequence[int]) -> None:
    check_pictures(images)
    whole = not (labels.is_floating_point() or labels.dtype == torch.bool)
    if labels.shape != (len(images),) or len(pictures) != len(images) or not whole or (labels < 0).any():
        raise FvitError(
            f"{name}: labels {tuple(labels.shape)} {labels.dtype} and {len(pictures)} numbers came for {len(images)} images; "
            "one whole label from 0 up and one number each are wanted"
        )


def _gradient(
    scores: Scores, images: Float[Tensor, "B C H W"], labels: Int[Tensor, " B"], pictures: Sequence[int]
) -> Float[Tensor, "B C H W"]:
    """Of the sum of the pictures' cross entropies: each picture's gradient is its own. Nothing but the pictures gets one."""
    x = images.detach().requires_grad_()
    with torch.enable_grad():
        logits = scores(x, pictures)
        if logits.ndim != 2 or len(logits) != len(x) or labels.max() >= logits.shape[1]:
            raise FvitError(
                f"scores {tuple(logits.shape)} for {len(x)} pictures, labels up to {labels.max()}; (B, K), K above all, is wanted"
            )
        if not logits.requires_grad:
            raise FvitError("the scores carry no gradient back to the pictures; attack eager networks, outside of inference_mode")
        return torch.autograd.grad(F.cross_entropy(logits, labels, reduction="sum"), x)[0]
