"""Pictures of a world as its networks see them: noisy, denoised, at step t. What int8 is calibrated on, and what its parity is measured on."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.protocols import SIGMAS
from bench.worlds.data import digits as embedded
from bench.worlds.world import NOISE, World
from export.quantize import FEWEST, Calibration
from runtime import pictures as files
from runtime.diffusion import denoise, schedule
from runtime.errors import FvitError
from runtime.noise import DrawNoise
from runtime.smooth import resize

PICTURES, HELD_OUT = 48, 102  # of the embedded world; half a percent of the held-out is no label
AGAIN = 4  # held out at the paper's size: a minute of its denoiser
BATCH = 16
SEED = 5  # no draw of a table reads it


def calibration(world: World, kind: str) -> Calibration:
    """Inputs of the network `kind`: validation pictures, half at the world's own noise, half over Table 3's levels."""
    pictures, source = _pictures(world, 0, PICTURES)
    sigmas = [NOISE if i % 2 else SIGMAS[i // 2 % len(SIGMAS)] for i in range(len(pictures))]
    cut = range(0, len(pictures), BATCH if world.name == "embedded" else 1)
    step = cut.step
    batches = tuple(inputs(world, kind, pictures[i : i + step], sigmas[i : i + step], i) for i in cut)
    return Calibration(f"{len(pictures)} {source}, noise {', '.join(map(str, SIGMAS))} and {NOISE} of 255", batches)


def held_out(world: World, kind: str) -> list[tuple[str, tuple[Tensor, ...]]]:
    """What int8's parity is measured on: in words and as inputs of the network `kind`, at the world's own noise.

    Pictures that no calibration saw; a world that has none gives other draws of the same, and says so.
    """
    embedded_world = world.name == "embedded"
    first, count = (PICTURES, HELD_OUT) if embedded_world else (FEWEST, AGAIN)
    pictures, _ = _pictures(world, first, count)
    told = "held-out pictures" if embedded_world or world.own else "other draws of the calibration's pictures"
    return [(told, inputs(world, kind, pictures, [NOISE] * len(pictures), first))]


def inputs(world: World, kind: str, pictures: Tensor, sigmas: Sequence[float], first: int) -> tuple[Tensor, ...]:
    """What `kind` is given for one draw of each of `pictures` (N, 3, S, S), noise `sigmas` of 255, numbered from `first` on."""
    process, size = world.denoiser.schedule, world.denoiser.size
    levels = [schedule.level(process, sigma / 255, "cumulative") for sigma in sigmas]
    sigma = torch.tensor([level.sigma for level in levels])
    t = torch.tensor([float(process.timestep_map[level.t]) for level in levels])
    clean = resize(pictures, (size, size))
    noise = DrawNoise(SEED, list(range(first, first + len(clean))), [0] * len(clean)).normal(clean)
    noisy = clean + sigma.reshape(-1, 1, 1, 1) * noise
    if kind == "classify_draws":
        return noisy, t, sigma
    x = schedule.to_network(noisy, sigma)
    if kind == "denoiser":
        return x, t
    if "random" in world.denoiser.weights:  # it denoises nothing
        return (resize(clean, (world.backbone.size, world.backbone.size)),)
    with torch.inference_mode():
        eps = world.denoiser.model(x, t)[:, : denoise.COLOURS]
    return (resize(schedule.from_network(noisy, eps, sigma), (world.backbone.size, world.backbone.size)),)


def _pictures(world: World, first: int, count: int) -> tuple[Tensor, str]:
    """`count` pictures from `first` on: the embedded world's validation pictures, task by task; the user's; else the world's, repeated.

    At the paper's size a calibration has no more than FEWEST. FvitError where the user's pictures do not suffice.
    """
    if world.name != "embedded":
        count = min(count, FEWEST)
        if world.own is None:
            return world.images.repeat(-(-count // len(world.images)), 1, 1, 1)[:count], f"draws of {world.source}"
        found = files.find(world.own)
        if len(found) < FEWEST + AGAIN:
            wanted = f"{FEWEST + AGAIN} are wanted for int8, {FEWEST} to calibrate on and {AGAIN} to check with"
            raise FvitError(f"{len(found)} pictures came ({world.own}), {wanted}; give --pictures a folder that holds them")
        stack = [files.read(file, world.backbone.size) for file in found[first : first + count]]
        return torch.stack(stack), f"pictures of {world.own.name}"
    part = range(first // len(embedded.TASKS), (first + count) // len(embedded.TASKS))
    pictures = torch.cat([embedded.batch(task, "val", part).images for task in embedded.TASKS])
    return pictures, f"validation pictures of {', '.join(embedded.TASKS)}"
