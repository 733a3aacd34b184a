"""Attacks on the classifier alone, and through the defence in front of it, built on the eager networks, which have gradients."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bench.attacks import autoattack, bpda, pgd, topk
from bench.attacks._budget import Budget
from bench.attacks._target import Defence, Target, averaged, classifier
from bench.protocols import Attack, Scores
from bench.worlds.world import World
from runtime import plugins
from runtime.diffusion import denoise
from runtime.noise import DrawNoise
from runtime.protocols import Denoiser
from runtime.smooth import resize

SAMPLES = 8  # draws whose gradients an adaptive attack averages in a step
SEED = 1


@dataclass(frozen=True)
class Variant:
    """An attack of `module` under a name of its own; `steps` in place of the printed rules'.

    `through` the defence: gradients are averaged over `samples` draws (SAMPLES), the same ones at every step where they are `fixed`.
    """

    module: str
    steps: int | None = None
    through: bool = False
    samples: int | None = None
    fixed: bool = False


VARIANTS = {
    "apgd": Variant("apgd", 20),
    "autoattack": Variant("autoattack", 10),
    "autoattack_100": Variant("autoattack", 100),  # and 5,000 queries, as the official set
    "autoattack_rand": Variant("autoattack", 10, through=True),
    "eot_pgd": Variant("eot_pgd", through=True),
    "eot_pgd_20": Variant("eot_pgd", through=True, samples=20),
    "eot_pgd_fixed": Variant("eot_pgd", through=True, fixed=True),
    "bpda": Variant("bpda", through=True),
    "bpda_20": Variant("bpda", through=True, samples=20),
    "topk_dds": Variant("topk", through=True, fixed=True),
}


def variant(name: str) -> Variant:
    """The attack `name`; one without an entry is the module of that name, on the classifier alone."""
    return VARIANTS.get(name, Variant(name))


@dataclass(frozen=True)
class Attacked:
    """`stages`: of AutoAttack, which fooled each picture; `blind`: its gradient was zero."""

    images: Float[Tensor, "B C H W"]
    stages: list[str]
    blind: Bool[Tensor, " B"]


def staged(target: Target, budget: Budget, images: Tensor, labels: Tensor, pictures: list[int]) -> Attacked:
    """AutoAttack's kind, with what tells how far to believe it."""
    found = autoattack.attacked(target, budget, images, labels, pictures)
    blind = autoattack.without_gradient(target, budget, images, labels, pictures)
    return Attacked(found.found, list(found.by), torch.tensor([number in blind for number in pictures]))


def build(name: str, defence: str, sigma: float, world: World, budget: Budget) -> Attack:
    """The attack `name`: on the classifier alone (topk: on its rollout), or through `defence` at noise `sigma` (pixels)."""
    made = variant(name)
    if made.through and defence == "denoiser":
        sees = denoise.one_shot(world.denoiser.model, world.denoiser.schedule)
        seen = bpda.straight_through(sees) if made.module == "bpda" else sees
        return pgd.build(Target(without_noise(classifier(world.backbone.model), seen, sigma, world)), budget)
    return plugins.load("bench.attacks", made.module).build(target(name, defence, sigma, world), budget)


def target(name: str, defence: str, sigma: float, world: World) -> Target:
    """What the attack `name` sees of the classifier behind `defence`; of maps, the mean of fixed draws."""
    made, scores = variant(name), classifier(world.backbone.model)
    maps = topk.rollout(world.backbone) if made.module == "topk" else None
    if not made.through:
        return Target(scores, maps=maps)
    sees = denoise.identity if defence == "noise" else denoise.one_shot(world.denoiser.model, world.denoiser.schedule)
    grid = (world.denoiser.size, world.denoiser.size)
    between = Defence(sees, sigma, grid, world.backbone.size, made.samples or SAMPLES, made.fixed)
    if maps:
        return Target(averaged(scores, between, SEED), maps=averaged(maps, between, SEED))
    return Target(scores, between)


def without_noise(scores: Scores, denoiser: Denoiser, sigma: float, world: World) -> Scores:
    """The classifier behind a denoiser that is given the picture as it is."""

    def scored(images, pictures):
        on_grid = resize(images, (world.denoiser.size, world.denoiser.size))
        denoised = denoiser(on_grid, sigma, DrawNoise(SEED, pictures, [0] * len(pictures)))
        return scores(resize(denoised, (world.backbone.size, world.backbone.size)), pictures)

    return scored
