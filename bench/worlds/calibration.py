"""Pictures as a network sees them: noisy, denoised, at step t. What int8 is calibrated on, and what its parity is measured on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from bench.protocols import SIGMAS
from export.quantize import Calibration
from runtime.diffusion import schedule
from runtime.noise import DrawNoise
from runtime.pictures import resize

if TYPE_CHECKING:
    from bench.worlds.workbench import Workbench

SEED = 5  # no draw of a table reads it


def calibration(bench: "Workbench", kind: str) -> Calibration:
    """Inputs of the network `kind`: half at the world's own noise, half over Table 3's levels."""
    world = bench.world
    pictures, source = world.calibration(0, world.calibration_size()[0], bench.backbone)
    own = round(255 * world.noise)
    sigmas = [own / 255 if i % 2 else SIGMAS[i // 2 % len(SIGMAS)] / 255 for i in range(len(pictures))]
    step = world.calibration_batch
    cut = range(0, len(pictures), step)
    batches = tuple(inputs(bench, kind, pictures[i : i + step], sigmas[i : i + step], i) for i in cut)
    return Calibration(f"{len(pictures)} {source}, noise {', '.join(map(str, SIGMAS))} and {own} of 255", batches)


def held_out(bench: "Workbench", kind: str) -> list[tuple[str, tuple[Tensor, ...]]]:
    """What int8's parity is measured on: in words and as inputs of the network `kind`, at the world's own noise."""
    world = bench.world
    first, count = world.calibration_size()
    pictures, source = world.calibration(first, count, bench.backbone)
    return [(f"held-out {source}", inputs(bench, kind, pictures, [world.noise] * len(pictures), first))]


def inputs(bench: "Workbench", kind: str, pictures: Tensor, sigmas: Sequence[float], first: int) -> tuple[Tensor, ...]:
    """What `kind` is given for one draw of each of `pictures` (N, 3, S, S), noise `sigmas` in pixels, numbered from `first` on."""
    if kind == "backbone" and not bench.world.denoises:
        return (resize(pictures, (bench.backbone.size, bench.backbone.size)),)
    process = bench.denoiser.schedule
    levels = [schedule.level(process, sigma, "cumulative") for sigma in sigmas]
    sigma = torch.tensor([level.sigma for level in levels])
    t = torch.tensor([float(process.timestep_map[level.t]) for level in levels])
    clean = resize(pictures, bench.grid)
    noise = DrawNoise(SEED, list(range(first, first + len(clean))), [0] * len(clean)).normal(clean)
    noisy = clean + sigma.reshape(-1, 1, 1, 1) * noise
    if kind == "classify_draws":
        return noisy, t, sigma
    if kind == "denoiser":
        return schedule.to_network(noisy, sigma), t
    with torch.inference_mode():
        clear = schedule.denoised(bench.denoiser.model, noisy, sigma, t)
    return (resize(clear, (bench.backbone.size, bench.backbone.size)),)
