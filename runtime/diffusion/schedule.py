"""Noise schedules of diffusion models, and the rules that turn a noise level into a time step.

A diffusion model sees  x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) n  with x_0 in [-1, 1] (Ho et al. 2020, eq. 4). Divided by sqrt(abar_t)
that is a picture plus noise of standard deviation sqrt((1 - abar_t) / abar_t), half of it in [0, 1] pixels. Everything outside this file
speaks of pixels in [0, 1] and of sigma in the same units; this is the only file that knows [-1, 1].
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from runtime.errors import FvitError
from runtime.plugins import known
from runtime.protocols import Session

COLOURS = 3  # an epsilon network's first outputs; learned variances follow


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """A diffusion process. `alpha_bar[i]` (float64) is the cumulative product at step i; `timestep_map[i]` is the t the network is given there."""

    name: str
    alpha_bar: np.ndarray
    timestep_map: np.ndarray

    def __len__(self) -> int:
        return len(self.alpha_bar)

    @property
    def alpha_bar_previous(self) -> np.ndarray:
        return np.append(1.0, self.alpha_bar[:-1])

    @property
    def betas(self) -> np.ndarray:
        return 1.0 - self.alpha_bar / self.alpha_bar_previous

    @property
    def sigmas(self) -> np.ndarray:
        """Noise level of each step, in [0, 1] pixels."""
        return np.sqrt((1.0 - self.alpha_bar) / self.alpha_bar) / 2.0

    def step_at(self, sigma: float) -> int:
        """The first step whose noise is at least `sigma` (pixels); the inverse of `sigmas`."""
        positive(sigma)
        enough = np.flatnonzero(self.sigmas >= sigma * (1.0 - 1e-9))
        if not len(enough):
            raise FvitError(
                f"sigma = {sigma:.4g} is beyond the schedule {self.name}, whose last step has {self.sigmas[-1]:.4g}; choose a smaller sigma"
            )
        return int(enough[0])

    def posterior(self, step: int) -> tuple[float, float, float, float]:
        """(coefficient of x_0, coefficient of x_t, log variance, log beta) of q(x_{t-1} | x_t, x_0) (Ho et al. 2020, eqs. 6-7).

        At step 0 the variance is 0; its logarithm is taken from step 1, as every public sampler does.
        """
        abar, previous, beta = self.alpha_bar[step], self.alpha_bar_previous[step], self.betas[step]
        variance = beta * (1.0 - previous) / (1.0 - abar)
        if step == 0 and len(self) > 1:
            variance = self.betas[1] * (1.0 - self.alpha_bar[0]) / (1.0 - self.alpha_bar[1])
        of_start = beta * math.sqrt(previous) / (1.0 - abar)
        of_current = (1.0 - previous) * math.sqrt(1.0 - beta) / (1.0 - abar)
        return of_start, of_current, math.log(variance), math.log(beta)


def linear(steps: int = 1000) -> NoiseSchedule:
    """betas from 1e-4 to 0.02 for 1000 steps, scaled for another number (Ho et al. 2020)."""
    scale = 1000 / steps
    return _from_betas(f"linear-{steps}", np.linspace(scale * 1e-4, scale * 0.02, steps, dtype=np.float64))


def cosine(steps: int = 1000) -> NoiseSchedule:
    """alpha_bar(u) = cos^2((u + 0.008) / 1.008 * pi / 2), betas clipped at 0.999 (Nichol and Dhariwal 2021, eq. 17)."""
    alpha_bar = [math.cos((i / steps + 0.008) / 1.008 * math.pi / 2) ** 2 for i in range(steps + 1)]
    return _from_betas(f"cosine-{steps}", np.array([min(1 - b / a, 0.999) for a, b in itertools.pairwise(alpha_bar)]))


def respaced(schedule: NoiseSchedule, keep: int | np.ndarray) -> NoiseSchedule:
    """The process that visits `keep` steps of `schedule`: a count (spread evenly, first and last included) or the indices themselves."""
    indices = np.round(np.linspace(0, len(schedule) - 1, keep)).astype(int) if isinstance(keep, int) else np.asarray(keep)
    if indices.min() < 0 or indices.max() >= len(schedule):
        raise FvitError(
            f"steps {indices.min()}..{indices.max()} asked of {schedule.name}, which has 0..{len(schedule) - 1}; keep steps inside it"
        )
    return NoiseSchedule(f"{schedule.name}/{len(indices)}", schedule.alpha_bar[indices], schedule.timestep_map[indices])


def to_network(noisy: Float[Tensor, "N C H W"], sigma: Tensor) -> Float[Tensor, "N C H W"]:
    """Pixels with noise of level `sigma` (N,) -> the network's x_t; sqrt(abar) = 1 / sqrt(1 + 4 sigma^2)."""
    return (noisy * 2.0 - 1.0) * torch.rsqrt(1.0 + 4.0 * sigma * sigma).reshape(-1, 1, 1, 1)


def from_network(noisy: Float[Tensor, "N C H W"], eps: Tensor, sigma: Tensor) -> Float[Tensor, "N C H W"]:
    """The picture that `eps` implies: x_0 = (x_t - sqrt(1 - abar) eps) / sqrt(abar), clipped to the range of pixels."""
    return (noisy - sigma.reshape(-1, 1, 1, 1) * eps).clamp(0.0, 1.0)


def denoised(
    network: Session, noisy: Float[Tensor, "N C H W"], sigma: Float[Tensor, " N"], t: Float[Tensor, " N"]
) -> Float[Tensor, "N C H W"]:
    """x_0 in pixels from one call of an epsilon network: pixels with noise of level `sigma`, the network's time `t` at that level."""
    return from_network(noisy, network(to_network(noisy, sigma), t)[:, :COLOURS], sigma)


def to_pixels(x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
    """The network's [-1, 1] -> pixels."""
    return (x + 1.0) / 2.0


@dataclass(frozen=True)
class NoiseLevel:
    """What a rule makes of a nominal sigma. `t`: step of the schedule; `sigma`: the noise really added, in [0, 1] pixels.

    `believed`: the level the denoiser assumes; `released` and `per-step-literal` add another. `denoises`: False means that no denoiser is called.
    """

    rule: str
    nominal: float
    t: int
    sigma: float
    believed: float
    denoises: bool = True


def level(schedule: NoiseSchedule, sigma: float, rule: str) -> NoiseLevel:
    """The step and the real noise that `rule` gives for the nominal `sigma` (pixels in [0, 1])."""
    return RULES[known(rule, RULES, "rule")](schedule, positive(sigma))


def cumulative(schedule: NoiseSchedule, sigma: float) -> int:
    """The first t whose noise is at least sigma: the paper's printed formula, (1 - abar_t) / abar_t = (2 sigma)^2."""
    return schedule.step_at(sigma)


def cumulative_unet_range(schedule: NoiseSchedule, sigma: float) -> int:
    """The printed formula with sigma taken in the network's [-1, 1]: half as much noise in pixels."""
    return schedule.step_at(sigma / 2.0)


def carlini(schedule: NoiseSchedule, sigma: float) -> int:
    """As `cumulative`, but the released loop raises t before it compares, so it never gives 0 (Carlini et al. 2023)."""
    return max(1, schedule.step_at(sigma))


def per_step(schedule: NoiseSchedule, sigma: float) -> int:
    """The rule behind the paper's printed t*: beta_t itself, not its cumulative product, is matched to sigma^2 / (1 + sigma^2).

    t* = round(1 + (N - 1) / (beta_N - beta_1) (sigma^2 / (1 + sigma^2) - beta_1)), clipped to 0..N; only this rule's 0 means 'no denoiser'.
    """
    betas, last = schedule.betas, len(schedule)
    slope = (last - 1) / (betas[-1] - betas[0])
    return int(np.clip(round(1 + slope * (sigma**2 / (1 + sigma**2) - betas[0])), 0, last))


def released(schedule: NoiseSchedule, sigma: float) -> NoiseLevel:
    """What the paper's released code does: the per-step t* of the full process indexes its 250-step respacing, sigma is added in [-1, 1]."""
    step = per_step(schedule, sigma)
    short = respaced(schedule, RELEASED_STEPS)
    if step >= len(short):
        raise FvitError(f"released indexes a {RELEASED_STEPS}-step process with t* = {step}; choose a smaller sigma than {sigma:.4g}")
    return NoiseLevel("released", sigma, step, sigma / 2.0, float(short.sigmas[step]))


def per_step_literal(schedule: NoiseSchedule, sigma: float) -> NoiseLevel:
    """The printed t* taken literally: noise of the nominal sigma, and a denoiser that is told the per-step rule's t*, which has more."""
    of_step = level(schedule, sigma, "per-step")
    return NoiseLevel("per-step-literal", sigma, of_step.t, sigma, of_step.believed, of_step.denoises)


def _at_step(rule: str, step_of: Callable[[NoiseSchedule, float], int]) -> Callable[[NoiseSchedule, float], NoiseLevel]:
    """A rule that chooses a step of the schedule and takes the noise of that step."""

    def level_of(schedule: NoiseSchedule, sigma: float) -> NoiseLevel:
        step = step_of(schedule, sigma)
        if not 0 <= step < len(schedule):
            raise FvitError(
                f"rule {rule} gives t* = {step} for sigma = {sigma:.4g}; {schedule.name} has 0..{len(schedule) - 1}; choose a smaller sigma"
            )
        if rule == "per-step" and step == 0:
            return NoiseLevel(rule, sigma, 0, sigma, sigma, denoises=False)
        real = float(schedule.sigmas[step])
        return NoiseLevel(rule, sigma, step, real, real)

    return level_of


STEPS = {"cumulative": cumulative, "cumulative-unet-range": cumulative_unet_range, "carlini": carlini, "per-step": per_step}
RULES: dict[str, Callable[[NoiseSchedule, float], NoiseLevel]] = {rule: _at_step(rule, step_of) for rule, step_of in STEPS.items()}
RULES |= {"released": released, "per-step-literal": per_step_literal}
RELEASED_STEPS = 250


def positive(sigma: float) -> float:
    """`sigma` if it is a noise level, else an error."""
    if not (math.isfinite(sigma) and sigma > 0):
        raise FvitError(f"sigma = {sigma}; a finite number above 0 is expected, in [0, 1] pixels (8/255 = 0.0314)")
    return sigma


def _from_betas(name: str, betas: np.ndarray) -> NoiseSchedule:
    return NoiseSchedule(name, np.cumprod(1.0 - betas), np.arange(len(betas)))
