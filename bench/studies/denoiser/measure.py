"""PSNR that one-shot denoising gains on test pictures of every task, picture by picture, at several noises."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
import torch
from rich.console import Console

from bench.metrics.psnr import gains
from bench.records.campaign import Campaign, How, Plan
from bench.records.rows import Gained
from bench.records.store import Store
from bench.worlds.workbench import Workbench

STUDY = "denoiser"
NOISES = (8, 16, 32, 64)  # of 255
PICTURES = 100  # of each task at most


@dataclass(frozen=True)
class DenoiserSetting:
    """What a campaign's gains are measured on: `images` of each task."""

    world: str
    tasks: tuple[str, ...]
    images: int

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> "DenoiserSetting":
        """From a campaign's first row."""
        return msgspec.convert(dict(facts), cls)


def measure(bench: Workbench, images: int, store: Store, console: Console, how: How) -> str:
    """What is missing, a row per noise; the campaign's name. `images`: pictures of each task, no more than PICTURES of them."""
    world, count = bench.world, min(images, PICTURES)
    facts = asdict(DenoiserSetting(world.name, world.scene.tasks, count)) | {"given": world.facts()}
    head = {"weights": bench.weights(), "notes": world.notes()}
    with Campaign(store, Plan(STUDY, facts, lambda: head), console, how) as campaign:
        for noise in campaign.each(NOISES, str, lambda noise: f"denoiser at {noise}/255"):
            campaign.measure(str(noise), lambda noise=noise: _row(bench, count, noise / 255, campaign.name, str(noise)))
        return campaign.name


def _row(bench: Workbench, count: int, sigma: float, campaign: str, key: str) -> Gained:
    """At the noise of the first step with at least `sigma` (pixels)."""
    world, denoiser = bench.world, bench.denoiser
    images = torch.cat([world.pictures(task, "test", range(count), bench.backbone).images for task in world.scene.tasks])
    real = float(denoiser.schedule.sigmas[denoiser.schedule.step_at(sigma)])
    decibels = gains(denoiser.model, denoiser.schedule, images.to(bench.device), sigma)
    return Gained(campaign=campaign, key=key, sigma=real, decibels=decibels.tolist())
