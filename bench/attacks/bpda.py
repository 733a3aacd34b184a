"""Backward pass differentiable approximation (Athalye et al. 2018, section 4.1): forward through the denoiser, backward past it.

D(x) is close to x, so its Jacobian is taken for the identity; the draws are averaged as in `eot_pgd`. It needs no gradient of the denoiser:
one call forward, whatever the denoiser is (a long chain, an exported session).
"""

from dataclasses import replace

import torch
from torch import Tensor

from bench.attacks._ascent import ascend
from bench.attacks._budget import Budget
from bench.attacks._target import Target, defended, draws
from bench.attacks._variant import Variant
from bench.protocols import Attack
from runtime.protocols import Denoiser, Noise

VARIANTS = {"bpda": Variant(through=True), "bpda_20": Variant(through=True, samples=20)}


def build(target: Target, budget: Budget) -> Attack:
    """The adaptive attack on a denoiser without useful gradients; a target without a defence is refused."""
    defence = defended("bpda", target)
    return ascend("bpda", draws(target.scores, replace(defence, denoise=straight_through(defence.denoise)), budget.seed), budget)


def straight_through(denoise: Denoiser) -> Denoiser:
    """`denoise` exactly (the term added to it is 0), with the identity for its Jacobian."""

    def straight(noisy: Tensor, sigma: float, noise: Noise) -> Tensor:
        with torch.no_grad():
            denoised = denoise(noisy, sigma, noise)
        return denoised + (noisy - noisy.detach())

    return straight
