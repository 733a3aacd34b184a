"""Denoised Diffusion Smoothing (Algorithm 1): noise -> denoise -> classify and explain, over many draws; the hot loop.

    votes_k(x) = #{ i <= m : argmax f(D(x + sigma n_i)) = k },   w(x) = mean_i e(D(x + sigma n_i)) / |e|_1

Pictures are resized to the denoiser's grid, noise is added there (resized noise would not be white), and the result is resized to the
classifier's. The draws of all pictures form one long list that is cut into batches of one size, the last one filled up with repeats:
every batch the networks see has the same shape, and memory does not grow with the number of draws.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from runtime.diffusion.schedule import NoiseLevel, NoiseSchedule
from runtime.errors import FvitError, PictureError
from runtime.fuse import FUSES, Fused
from runtime.noise import DrawNoise
from runtime.plugins import known
from runtime.protocols import Denoiser, Explainer, Session

Stage = Callable[[str], AbstractContextManager]
Step = Callable[[Tensor, DrawNoise], tuple[Tensor, Tensor | None]]  # noisy (N, 3, H, W) -> scores (N, K), denoised or None


@dataclass(frozen=True)
class Plan:
    """What to draw: `draws` a picture, from number `first` on, at noise `sigma` (pixels in [0, 1]); the execution batch, the denoiser's (H, W)."""

    sigma: float
    draws: int
    seed: int
    batch: int
    grid: tuple[int, int]
    first: int = 0


@dataclass(frozen=True)
class Explained:
    """Explainers by name, and fuses; all get the same draws. `classes` (B,): what to explain, None: each draw's own vote.

    `cap`: the most that one cell of a draw's map may hold, the rest is spread evenly; a certificate needs fewer draws for it.
    """

    explainers: Mapping[str, Explainer]
    classes: Int[Tensor, " B"] | None = None
    fuses: tuple[str, ...] = ("mean",)
    cap: float | None = None


@dataclass(frozen=True)
class Smoothed:
    """`votes` (B, K): how many draws of each picture chose each class. `maps`: by explainer and fuse."""

    votes: Int[Tensor, "B K"]
    maps: Mapping[tuple[str, str], Fused]


def no_stage(name: str) -> AbstractContextManager:
    """The default: stages are not timed."""
    return nullcontext()


def smooth(
    images: Float[Tensor, "B C H W"], pictures: list[int], plan: Plan, step: Step, explain: Explained | None = None, stage: Stage = no_stage
) -> Smoothed:
    """Votes (and fused maps) of `plan.draws` draws of each image. `pictures` are the images' numbers: they choose the noise.

    `images` in [0, 1]. `explain` needs a step that hands out the denoised pictures: purified once, explained by every explainer.
    """
    check_pictures(images)
    if plan.draws < 1 or plan.batch < 1 or len(pictures) != len(images):
        raise FvitError(f"{plan.draws} draws, batch {plan.batch}, {len(pictures)} numbers for {len(images)} images: 1 or more, one each")
    base, votes, atlas = resize(images, plan.grid), None, _Atlas(explain, images) if explain else None
    undefined = torch.zeros((), dtype=torch.int64, device=images.device)  # read at the end: the device need not be waited for
    total = len(images) * plan.draws
    for start in range(0, total, plan.batch):
        items = [min(i, total - 1) for i in range(start, start + plan.batch)]
        used = min(plan.batch, total - start)
        owners = torch.arange(start, start + plan.batch, device=images.device).clamp_(max=total - 1) // plan.draws
        with stage("noise"):
            noise = DrawNoise(plan.seed, [pictures[i // plan.draws] for i in items], [plan.first + i % plan.draws for i in items])
            clean = base[owners]
            noisy = clean + plan.sigma * noise.normal(clean)
        scores, denoised = step(noisy, noise)
        labels = scores.argmax(1)
        undefined += scores[:used].isnan().any(1).sum()
        votes = torch.zeros(len(images), scores.shape[1], dtype=torch.int64, device=images.device) if votes is None else votes
        votes.index_put_((owners[:used], labels[:used]), votes.new_ones(used), accumulate=True)
        if atlas is not None:
            with stage("explain"):
                atlas.add(_given(denoised)[:used], labels[:used], owners[:used])
    if undefined:
        raise FvitError(f"{int(undefined)} of {total} draws got scores that are not numbers (NaN); check the weights, or compute in fp32")
    assert votes is not None
    return Smoothed(votes, atlas.result(plan.draws) if atlas else {})


class _Atlas:
    """Every explainer's maps of the draws so far."""

    def __init__(self, explain: Explained, images: Tensor):
        makers = {fuse: FUSES[known(fuse, FUSES, "fuse")] for fuse in explain.fuses}
        self.explain = explain
        self.fuses = {(name, fuse): make(len(images)) for name in explain.explainers for fuse, make in makers.items()}
        self.empty = {name: torch.zeros(len(images), dtype=torch.int64, device=images.device) for name in explain.explainers}

    def add(self, denoised: Tensor, labels: Tensor, owners: Tensor) -> None:
        classes = labels if self.explain.classes is None else self.explain.classes.to(owners.device)[owners]
        for name, explain in self.explain.explainers.items():
            maps, empty = normalised(explain(denoised, classes))
            maps = capped(maps, self.explain.cap)
            for fuse in self.explain.fuses:
                self.fuses[name, fuse].add(owners, maps)
            self.empty[name].index_add_(0, owners, empty.long())

    def result(self, draws: int) -> dict[tuple[str, str], Fused]:
        found = {key: fuse.result(draws) for key, fuse in self.fuses.items()}
        return {key: Fused(maps, key[1], draws, squares, self.empty[key[0]].cpu()) for key, (maps, squares) in found.items()}


def staged(denoise: Denoiser, classify: Session, sigma: float, size: int, stage: Stage = no_stage) -> Step:
    """The step as two sessions, denoiser then classifier at (size, size): any denoiser, each stage timed on its own."""

    def step(noisy: Tensor, noise: DrawNoise) -> tuple[Tensor, Tensor | None]:
        with torch.inference_mode():
            with stage("denoise"):
                denoised = denoise(noisy, sigma, noise)
            with stage("classify"):
                view = resize(denoised, (size, size))
                scores = classify(view)
        return scores, view

    return step


def fused(session: Session, level: NoiseLevel, schedule: NoiseSchedule, stage: Stage = no_stage) -> Step:
    """The step as one exported graph, `classify draws`: one-shot denoiser, resize and classifier in one file."""
    t = float(schedule.timestep_map[level.t])

    def step(noisy: Tensor, noise: DrawNoise) -> tuple[Tensor, Tensor | None]:
        with torch.inference_mode(), stage("denoise+classify"):
            out = session(noisy, noisy.new_full((len(noisy),), t), noisy.new_full((len(noisy),), level.sigma))
        return out if isinstance(out, tuple) else (out, None)

    return step


def resize(images: Float[Tensor, "N C H W"], size: tuple[int, int]) -> Float[Tensor, "N C h w"]:
    """Bilinear, half-pixel centres, no antialias: the one resize of the chain, the same in eager mode and in every export."""
    if tuple(images.shape[-2:]) == tuple(size):
        return images
    return F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=False)


def check_pictures(images: Tensor) -> None:
    """Refuses what is no batch of finite RGB pictures in [0, 1]."""
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise PictureError(f"pictures {tuple(images.shape)} {images.dtype} came; (B, 3, H, W) floating point in [0, 1] is wanted")
    if not torch.isfinite(images).all():
        raise PictureError("a picture holds NaN or infinity; finite values in [0, 1] are wanted")
    if images.min() < 0 or images.max() > 1:
        raise PictureError(f"pictures in [{images.min():.3g}, {images.max():.3g}] came; [0, 1] is wanted (divide bytes by 255)")


def normalised(maps: Float[Tensor, "B G1 G2"]) -> tuple[Tensor, Tensor]:
    """Distributions over the grid: negative relevance left out, divided by the sum; and which maps (B,) had none left and became uniform."""
    maps = maps.clamp_min(0.0)
    total = maps.sum((1, 2), keepdim=True)
    empty = total <= 0
    scaled = torch.where(empty, 1.0 / maps[0].numel(), maps / total.clamp_min(torch.finfo(maps.dtype).tiny))
    return scaled, empty.flatten()


def capped(maps: Float[Tensor, "B G1 G2"], cap: float | None) -> Float[Tensor, "B G1 G2"]:
    """Distributions whose cells were cut at `cap`, what was cut spread evenly: no cell holds more than `cap` + (1 - `cap`) / T of T."""
    if cap is None:
        return maps
    cut = maps.clamp_max(cap)
    return cut + (1.0 - cut.sum((1, 2), keepdim=True)) / maps[0].numel()


def _given(denoised: Tensor | None) -> Tensor:
    if denoised is None:
        raise FvitError("this exported graph hands out scores alone; export it with --with-denoised to explain its draws")
    return denoised
