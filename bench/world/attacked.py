"""The attacks of `fvit world`, built on the eager networks, which have gradients."""

from bench.attacks import bpda, eot_pgd, pgd
from bench.attacks._budget import Budget
from bench.attacks._target import Defence, Target, classifier
from bench.protocols import Attack, Scores
from bench.world.cells import EPS, STEP, STEPS, Cell
from bench.worlds import World
from runtime import denoise
from runtime.noise import DrawNoise
from runtime.protocols import Denoiser
from runtime.smooth import resize

SAMPLES = 8  # draws whose gradients an adaptive attack averages in a step
SEED = 1


def build(cell: Cell, world: World) -> Attack:
    """PGD l_inf 8/255 with a random start: on the classifier alone (`pgd`), through the defence (`adaptive`), or past its denoiser (`bpda`)."""
    budget = Budget("linf", EPS, STEP, STEPS, random_start=True, seed=SEED)
    scores = classifier(world.backbone.model)
    if cell.attack == "pgd":
        return pgd.build(Target(scores), budget)
    sees = denoise.identity if cell.defence == "noise" else denoise.one_shot(world.denoiser.model, world.denoiser.schedule)
    if cell.defence == "denoiser":
        seen = bpda.straight_through(sees) if cell.attack == "bpda" else sees
        return pgd.build(Target(without_noise(scores, seen, cell, world)), budget)
    defence = Defence(sees, cell.sigma / 255, (world.denoiser.size, world.denoiser.size), world.backbone.size, SAMPLES)
    return (bpda if cell.attack == "bpda" else eot_pgd).build(Target(scores, defence), budget)


def without_noise(scores: Scores, denoiser: Denoiser, cell: Cell, world: World) -> Scores:
    """The classifier behind a denoiser that is given the picture as it is."""

    def scored(images, pictures):
        on_grid = resize(images, (world.denoiser.size, world.denoiser.size))
        denoised = denoiser(on_grid, cell.sigma / 255, DrawNoise(SEED, pictures, [0] * len(pictures)))
        return scores(resize(denoised, (world.backbone.size, world.backbone.size)), pictures)

    return scored
