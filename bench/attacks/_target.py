"""What is attacked: a classifier, and the Denoised Diffusion Smoothing around it as a differentiable function of the picture.

f_i(x) = scores(resize(D(resize(x) + sigma n_i)))         n_i: the attacker's draw i, not one of the defence's, of the defence's law
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.attacks._ascent import Draws
from bench.attacks._budget import FRESH
from bench.protocols import Scores
from runtime.diffusion.schedule import positive
from runtime.errors import FvitError
from runtime.noise import DrawNoise
from runtime.pictures import resize
from runtime.protocols import Denoiser, Session

Maps = Scores  # the same call, for relevance (B, G1, G2)


@dataclass(frozen=True)
class DefenceModel:
    """Noise `sigma` on the denoiser's `grid` (H, W), then the classifier's (size, size). The attacker averages `samples` draws a step.

    `fixed`: the same ones at every step, which makes the defence a function of the picture. `noise`: the law (runtime.noise.LAWS). `known`: seed
    and first number of the defence's own draws, which the attacker then uses in place of draws of its own.
    """

    denoise: Denoiser
    sigma: float
    grid: tuple[int, int]
    size: int
    samples: int
    fixed: bool = False
    noise: str = "gaussian"
    known: tuple[int, int] | None = None

    def __post_init__(self):
        positive(self.sigma)
        if self.samples < 1:
            raise FvitError(f"{self.samples} samples a step; 1 or more are expected")


@dataclass(frozen=True)
class Target:
    """`scores`: the classifier without its defence. `defence`: what eot_pgd, bpda and autoattack attack through; the others ignore it.

    `maps`: what topk attacks, differentiable: (B, C, H, W) pictures and their numbers -> relevance (B, G1, G2).
    """

    scores: Scores
    defence: DefenceModel | None = None
    maps: Maps | None = None


def classifier(network: Session) -> Scores:
    """A network that takes pictures alone, and looks at no number, as Scores."""
    return lambda images, pictures: network(images)


def defended(name: str, target: Target) -> DefenceModel:
    """The target's defence; the attack `name` refuses a target without one."""
    if target.defence is None:
        raise FvitError(f"{name} attacks through a defence and this target has none; give it Target(scores, defence), or choose pgd")
    return target.defence


def explained(name: str, target: Target) -> Maps:
    """The target's differentiable maps; the attack `name` refuses a target without them."""
    if target.maps is None:
        raise FvitError(f"{name} attacks an explanation and this target has no maps; give it Target(scores, maps=...), or choose pgd")
    return target.maps


def draws(scores: Scores, defence: DefenceModel, seed: int) -> Draws:
    """For each step the defended classifier under `defence.samples` draws that no other step has, or all have."""

    def of_step(step: int) -> Iterator[Scores]:
        first = 0 if defence.fixed else step * defence.samples
        return (draw(scores, defence, seed, first + sample) for sample in range(defence.samples))

    return of_step


def draw(scores: Scores, defence: DefenceModel, seed: int, number: int) -> Scores:
    """The defended classifier under the attacker's draw `number`; differentiable where its denoiser and classifier are."""
    seed, first = defence.known or (seed, FRESH)

    def scored(images: Tensor, pictures: Sequence[int]) -> Tensor:
        noise = DrawNoise(seed, pictures, [first + number] * len(pictures))
        clean = resize(images, defence.grid)
        denoised = defence.denoise(clean + defence.sigma * noise.unit(defence.noise, clean), defence.sigma, noise)
        return scores(resize(denoised, (defence.size, defence.size)), pictures)

    return scored


def averaged(seen: Scores, defence: DefenceModel, seed: int) -> Scores:
    """`seen` (scores, or maps) of the defended picture: the mean of the same `defence.samples` draws at every call."""
    each = [draw(seen, defence, seed, number) for number in range(defence.samples)]
    return lambda images, pictures: torch.stack([one(images, pictures) for one in each]).mean(0)
