"""What stands between a picture and the classifier, and the labels that come out.

none       the classifier alone
dds        noise, one denoiser call, classifier; the majority of the draws
noise      noise and classifier, no denoiser: randomised smoothing (Cohen et al. 2019); the majority
denoiser   one denoiser call on the picture as it is, at the step that belongs to `level`; no noise, one answer
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.measure import Workbench
from runtime import denoise
from runtime.noise import DrawNoise
from runtime.plugins import known
from runtime.schedule import NoiseLevel
from runtime.smooth import Plan, Step, fused, resize, smooth, staged

NAMES = ("none", "dds", "noise", "denoiser")
BATCH = 10  # execution batch, always full: votes depend on it in the last bit, so it is fixed


@dataclass(frozen=True)
class Defence:
    """`level` and `draws` mean nothing to `none`; `seed` chooses the draws' noise."""

    name: str
    level: NoiseLevel | None = None
    draws: int = 1
    seed: int = 0
    session: str = "ort"
    precision: str = "fp32"


def labels(bench: Workbench, images: Tensor, pictures: Sequence[int], defence: Defence) -> Tensor:
    """The class (B,) that the defended classifier gives each of `images`, whose numbers are `pictures`."""
    known(defence.name, NAMES, "defence")
    if defence.name in ("none", "denoiser"):
        return _once(bench, images, pictures, defence)
    assert defence.level is not None
    grid = (bench.world.denoiser.size, bench.world.denoiser.size)
    plan = Plan(defence.level.sigma, defence.draws, defence.seed, BATCH, grid)
    return smooth(images, list(pictures), plan, _step(bench, defence)).votes.argmax(1)


def _once(bench: Workbench, images: Tensor, pictures: Sequence[int], defence: Defence) -> Tensor:
    step, found = _step(bench, defence), []
    side = bench.world.denoiser.size if defence.name == "denoiser" else bench.world.backbone.size
    images = resize(images, (side, side))
    for start in range(0, len(images), BATCH):
        part = images[start : start + BATCH]
        filled = torch.cat([part, part[-1:].expand(BATCH - len(part), -1, -1, -1)])
        found.append(step(filled, DrawNoise(defence.seed, [0] * BATCH, range(BATCH)))[0].argmax(1)[: len(part)])
    return torch.cat(found)


def _step(bench: Workbench, defence: Defence) -> Step:
    """The fused graph where there is one, else the parts it lacks left out."""
    world, level = bench.world, defence.level

    def session(kind: str):
        return bench.load(defence.session, defence.precision, kind).session

    if defence.name == "dds":
        assert level is not None
        return fused(session("classify_draws"), level, world.denoiser.schedule)
    if defence.name == "denoiser":
        assert level is not None
        return staged(denoise.one_shot(session("denoiser"), world.denoiser.schedule), session("backbone"), level.sigma, world.backbone.size)
    return staged(denoise.identity, session("backbone"), 0.0, world.backbone.size)
