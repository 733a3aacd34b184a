"""Denoisers: a network, a schedule and the number of times it is called.

one_shot  one call, x_0 from its epsilon (Carlini et al. 2023)               x_0 = x - sigma eps, in pixels with their noise
chain     the ancestral process from t* down to 0 (Ho et al. 2020)           t* + 1 calls
ddim      the deterministic process over a few steps (Song et al. 2021)       `steps` calls
released  what the paper's released code does: see `released`                t* + 1 calls
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from runtime.diffusion import schedule as schedules
from runtime.diffusion.schedule import COLOURS, NoiseSchedule
from runtime.errors import FvitError
from runtime.plugins import known
from runtime.protocols import Denoiser, Noise, Session


def build(name: str, network: Session, schedule: NoiseSchedule, steps: int | None = None) -> Denoiser:
    """The denoiser `name`; `steps` belongs to ddim alone."""
    known(name, DENOISERS, "denoiser")
    if (steps is not None) != (name == "ddim"):
        raise FvitError(
            "ddim wants a number of steps" if name == "ddim" else f"{name} takes no number of steps, only ddim does", needs="steps"
        )
    return DENOISERS[name](network, schedule, *([steps] if steps is not None else []))


def calls(name: str, t: int, steps: int | None = None) -> int:
    """How often `name` calls its network when it starts at step `t`."""
    return {"one_shot": 1, "ddim": min(steps or 1, t + 1)}.get(name, t + 1)


def identity(noisy: Tensor, sigma: float, noise: Noise) -> Tensor:
    """No denoiser: what the per-step rule's t* = 0 means."""
    return noisy


def one_shot(network: Session, schedule: NoiseSchedule) -> Denoiser:
    """x_0 from one call at the step whose noise is sigma."""

    def denoise(noisy: Tensor, sigma: float, noise: Noise) -> Tensor:
        level = noisy.new_full((len(noisy),), sigma)
        t = noisy.new_full((len(noisy),), float(schedule.timestep_map[schedule.step_at(sigma)]))
        return schedules.denoised(network, noisy, level, t)

    return denoise


def chain(network: Session, schedule: NoiseSchedule) -> Denoiser:
    """Ancestral sampling from the step whose noise is sigma, that step included, down to 0; the last step adds no noise."""

    def denoise(noisy: Tensor, sigma: float, noise: Noise) -> Tensor:
        x = schedules.to_network(noisy, noisy.new_full((len(noisy),), sigma))
        steps = range(schedule.step_at(sigma), -1, -1)
        return schedules.to_pixels(ancestral(network, schedule, x, steps, noise)).clamp(0.0, 1.0)

    return denoise


def ddim(network: Session, schedule: NoiseSchedule, steps: int) -> Denoiser:
    """The deterministic process over `steps` steps, spread evenly from the one whose noise is sigma down to 0 (one: that step alone)."""
    if steps < 1:
        raise FvitError(f"ddim with {steps} steps; 1 or more are expected")

    def denoise(noisy: Tensor, sigma: float, noise: Noise) -> Tensor:
        first = schedule.step_at(sigma)
        visited = np.unique(np.round(np.linspace(first, 0, min(steps, first + 1))).astype(int))
        x = schedules.to_network(noisy, noisy.new_full((len(noisy),), sigma))
        return schedules.to_pixels(deterministic(network, schedules.respaced(schedule, visited), x)).clamp(0.0, 1.0)

    return denoise


def released(network: Session, schedule: NoiseSchedule) -> Denoiser:
    """The released code's protocol with its three mistakes, for comparison.

    The t* of the 1000-step process (rule `per-step`) indexes a 250-step respacing of it, so the chain starts from far more noise than was
    added; the picture is scaled by sqrt(1 - beta_t) in place of sqrt(abar_t); and the noise is added once more after denoising. Sigma is
    taken in [-1, 1], so `sigma` here, the noise added in pixels, is half the nominal one (rule `released` of the schedule).
    """
    short = schedules.respaced(schedule, schedules.RELEASED_STEPS)

    def denoise(noisy: Tensor, sigma: float, noise: Noise) -> Tensor:
        first = schedules.level(schedule, 2.0 * sigma, "released").t
        x = (2.0 * noisy - 1.0) * math.sqrt(1.0 - schedule.betas[first])
        clean = schedules.to_pixels(ancestral(network, short, x, range(first, -1, -1), noise))
        return clean + sigma * noise.normal(noisy)

    return denoise


def ancestral(network: Session, schedule: NoiseSchedule, x: Tensor, steps: Sequence[int], noise: Noise) -> Tensor:
    """x_{t-1} ~ N(mean(x_0, x_t), variance) for each of `steps` in turn; x in the network's [-1, 1] units (Ho et al. 2020, eq. 11).

    A network with six outputs learned its variance between the posterior's and beta (Nichol and Dhariwal 2021, eq. 15); one with three
    uses the posterior's. Noise is drawn at step 0 as well and not used, so that every chain of one length reads the same stream.
    """
    for step in steps:
        out, start = _predict(network, schedule, x, step)
        of_start, of_current, low, high = schedule.posterior(step)
        log_variance = low if out.shape[1] == COLOURS else low + (out[:, COLOURS:] + 1.0) / 2.0 * (high - low)
        spread = torch.exp(0.5 * log_variance) if isinstance(log_variance, Tensor) else math.exp(0.5 * log_variance)
        fresh = noise.normal(x)
        x = of_start * start + of_current * x
        x = x + spread * fresh if step > 0 else x
    return x


def deterministic(network: Session, schedule: NoiseSchedule, x: Tensor, eta: float = 0.0, noise: Noise | None = None) -> Tensor:
    """DDIM over every step of `schedule`, the last to the first; `eta` > 0 adds noise (Song et al. 2021, eqs. 12 and 16)."""
    for step in range(len(schedule) - 1, -1, -1):
        _, start = _predict(network, schedule, x, step)
        abar, previous = float(schedule.alpha_bar[step]), float(schedule.alpha_bar_previous[step])
        eps = (x - math.sqrt(abar) * start) / math.sqrt(1.0 - abar)  # of the clipped picture
        spread = eta * math.sqrt((1.0 - previous) / (1.0 - abar) * (1.0 - abar / previous))
        fresh = noise.normal(x) if noise is not None and eta > 0 else None
        x = math.sqrt(previous) * start + math.sqrt(1.0 - previous - spread**2) * eps
        x = x + spread * fresh if fresh is not None and step > 0 else x
    return x


def _predict(network: Session, schedule: NoiseSchedule, x: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """The network's whole output at `step`, and the clipped x_0 that its epsilon implies."""
    out = network(x, x.new_full((len(x),), float(schedule.timestep_map[step])))
    abar = float(schedule.alpha_bar[step])
    start = (x - math.sqrt(1.0 - abar) * out[:, :COLOURS]) / math.sqrt(abar)
    return out, start.clamp(-1.0, 1.0)


DENOISERS: dict[str, Callable[..., Denoiser]] = {"one_shot": one_shot, "chain": chain, "ddim": ddim, "released": released}
