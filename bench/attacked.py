"""Attacks on the classifier alone, and through the defence in front of it, built on the eager networks, which have gradients."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bench.attacks import autoattack, bpda, pgd, topk
from bench.attacks._budget import Budget
from bench.attacks._target import Defence, Target, classifier
from bench.protocols import Attack, Scores
from bench.worlds import World
from runtime import denoise, plugins
from runtime.noise import DrawNoise
from runtime.protocols import Denoiser
from runtime.smooth import resize

SAMPLES = 8  # draws whose gradients an adaptive attack averages in a step
THROUGH = ("eot_pgd", "bpda")
SEED = 1


@dataclass(frozen=True)
class Attacked:
    """`stages`: of AutoAttack, which fooled each picture; `blind`: its gradient was zero."""

    images: Float[Tensor, "B C H W"]
    stages: list[str]
    blind: Bool[Tensor, " B"]


def staged(world: World, budget: Budget, images: Tensor, labels: Tensor, pictures: list[int]) -> Attacked:
    """AutoAttack's kind on the classifier alone, with what tells how far to believe it."""
    target = Target(classifier(world.backbone.model))
    found = autoattack.attacked(target, budget, images, labels, pictures)
    blind = autoattack.without_gradient(target, budget, images, labels, pictures)
    return Attacked(found.found, list(found.by), torch.tensor([number in blind for number in pictures]))


def build(name: str, defence: str, sigma: float, world: World, budget: Budget) -> Attack:
    """The attack `name`: on the classifier alone (topk: on its rollout), or, for `THROUGH`, through `defence` at noise `sigma` (pixels)."""
    scores = classifier(world.backbone.model)
    make = plugins.load("bench.attacks", name).build
    if name not in THROUGH:
        return make(Target(scores, maps=topk.rollout(world.backbone) if name == "topk" else None), budget)
    sees = denoise.identity if defence == "noise" else denoise.one_shot(world.denoiser.model, world.denoiser.schedule)
    if defence == "denoiser":
        seen = bpda.straight_through(sees) if name == "bpda" else sees
        return pgd.build(Target(without_noise(scores, seen, sigma, world)), budget)
    grid = (world.denoiser.size, world.denoiser.size)
    return make(Target(scores, Defence(sees, sigma, grid, world.backbone.size, SAMPLES)), budget)


def without_noise(scores: Scores, denoiser: Denoiser, sigma: float, world: World) -> Scores:
    """The classifier behind a denoiser that is given the picture as it is."""

    def scored(images, pictures):
        on_grid = resize(images, (world.denoiser.size, world.denoiser.size))
        denoised = denoiser(on_grid, sigma, DrawNoise(SEED, pictures, [0] * len(pictures)))
        return scores(resize(denoised, (world.backbone.size, world.backbone.size)), pictures)

    return scored
