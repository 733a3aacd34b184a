"""The defended classifier, Denoised Diffusion Smoothing (Algorithm 1): noise -> denoise -> classify and explain, over many draws; the hot loop.

    votes_k(x) = #{ i <= m : argmax f(D(x + sigma n_i)) = k },   w(x) = mean_i e(D(x + sigma n_i)) / |e|_1

Pictures are resized to the denoiser's grid, noise is added there (resized noise would not be white), and the result is resized to the
classifier's. The draws of all pictures form one long list that is cut into batches of one size, the last one filled up with repeats:
every batch the networks see has the same shape, and memory does not grow with the number of draws.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from runtime import fuse as fuses
from runtime.certificates import certify as certificates
from runtime.certificates.certify import Label
from runtime.diffusion.schedule import NoiseLevel, NoiseSchedule
from runtime.errors import FvitError
from runtime.fuse import Fused, normalised
from runtime.names import VOTES
from runtime.noise import DrawNoise
from runtime.pictures import check, resize
from runtime.plugins import known
from runtime.protocols import Denoiser, Explainer, Session

Stage = Callable[[str], AbstractContextManager]
Step = Callable[[Tensor, DrawNoise, Stage], tuple[Tensor, Tensor | None]]  # noisy (N, 3, H, W) -> scores (N, K), denoised or None


@dataclass(frozen=True)
class Draws:
    """Draws of each picture: `count` of them from number `first` on; `seed` of their noise; `batch`, how many the networks take at once."""

    count: int
    first: int = 0
    seed: int = 0
    batch: int = 10

    def __post_init__(self):
        for name, least in (("count", 1), ("first", 0), ("seed", 0), ("batch", 1)):
            if getattr(self, name) < least:
                raise FvitError(f"draws with {name} {getattr(self, name)} given; {least} or more is expected")


@dataclass(frozen=True)
class Explained:
    """Explainers by name, and fuses; all get the same draws. `classes` (B,): what to explain, None: each draw's own vote."""

    explainers: Mapping[str, Explainer]
    classes: Int[Tensor, " B"] | None = None
    fuses: tuple[str, ...] = ("mean",)


@dataclass(frozen=True)
class Smoothed:
    """`votes` (B, K): how many draws of each picture chose each class. `maps`: by explainer and fuse."""

    votes: Int[Tensor, "B K"]
    maps: Mapping[tuple[str, str], Fused]


def no_stage(name: str) -> AbstractContextManager:
    """The default: stages are not timed."""
    return nullcontext()


@dataclass(frozen=True)
class Chain:
    """The defended classifier at one noise level: noise is added to pixels in [0, 1] on the denoiser's `grid` (H, W), then `step`.

    `level.sigma`: the noise's standard deviation, whatever its law `noise` (runtime.noise.LAWS) is.
    """

    step: Step
    level: NoiseLevel
    grid: tuple[int, int]
    noise: str = "gaussian"

    def __call__(
        self,
        images: Float[Tensor, "B C H W"],
        numbers: Sequence[int],
        draws: Draws,
        explain: Explained | None = None,
        stage: Stage = no_stage,
    ) -> Smoothed:
        """Votes (and fused maps) of the draws of each image. `numbers` are the pictures' numbers: with the draw's they choose the noise.

        `images` in [0, 1]. `explain` needs a step that returns the denoised pictures: purified once, explained by every explainer.
        """
        check(images)
        if len(numbers) != len(images):
            raise FvitError(f"{len(numbers)} picture numbers given for {len(images)} images; one for each is expected")
        base, votes, sums = resize(images, self.grid), None, MapSums(explain, images) if explain else None
        undefined = torch.zeros((), dtype=torch.int64, device=images.device)  # read at the end: the device need not be waited for
        total, count, batch = len(images) * draws.count, draws.count, draws.batch
        for start in range(0, total, batch):
            items = [min(i, total - 1) for i in range(start, start + batch)]
            used = min(batch, total - start)
            owners = torch.arange(start, start + batch, device=images.device).clamp_(max=total - 1) // count
            with stage("noise"):
                noise = DrawNoise(draws.seed, [numbers[i // count] for i in items], [draws.first + i % count for i in items])
                clean = base[owners]
                noisy = clean + self.level.sigma * noise.unit(self.noise, clean)
            scores, denoised = self.step(noisy, noise, stage)
            labels = scores.argmax(1)
            undefined += scores[:used].isnan().any(1).sum()
            votes = torch.zeros(len(images), scores.shape[1], dtype=torch.int64, device=images.device) if votes is None else votes
            votes.index_put_((owners[:used], labels[:used]), votes.new_ones(used), accumulate=True)
            if sums is not None:
                with stage("explain"):
                    sums.add(require_denoised(denoised)[:used], labels[:used], owners[:used])
        if undefined:
            raise FvitError(
                f"{int(undefined)} of {total} draws got scores that are not numbers (NaN); check the weights, or compute in fp32"
            )
        assert votes is not None
        return Smoothed(votes, sums.result(count) if sums else {})

    def predict(self, images: Float[Tensor, "B C H W"], numbers: Sequence[int], draws: Draws) -> Int[Tensor, " B"]:
        """The class that most draws of each image chose."""
        return self(images, numbers, draws).votes.argmax(1)

    def certify(self, images: Float[Tensor, "B C H W"], numbers: Sequence[int], draws: Draws, selection: int, alpha: float) -> list[Label]:
        """Each image's label and its l2 radius in pixels, right with probability >= 1 - `alpha`: chosen by `selection` draws, then bounded
        by the next `draws.count` ones. For Gaussian noise alone; certificates.radii has the radii of the others."""
        if self.noise != "gaussian":
            raise FvitError(f"{self.noise} noise given; the l2 radius of a certified label is that of gaussian noise")
        chosen = self(images, numbers, replace(draws, count=selection)).votes.cpu().numpy()
        votes = self(images, numbers, replace(draws, first=draws.first + selection)).votes.cpu().numpy()
        return [certificates.label(first, then, self.level.sigma, alpha) for first, then in zip(chosen, votes, strict=True)]

    def explain(
        self,
        images: Float[Tensor, "B C H W"],
        numbers: Sequence[int],
        draws: Draws,
        explainers: Mapping[str, Explainer],
        classes: Int[Tensor, " B"] | None = None,
        fuse: str = "mean",
    ) -> dict[str, Float[Tensor, "B G1 G2"]]:
        """The fused map of each image by explainer: of `classes`, or of each draw's own vote."""
        maps = self(images, numbers, draws, Explained(explainers, classes, (fuse,))).maps
        return {name: maps[name, fuse].maps for name in explainers}


def fused(session: Session, level: NoiseLevel, schedule: NoiseSchedule, grid: tuple[int, int]) -> Chain:
    """The chain whose step is one exported graph, `classify draws`: one-shot denoiser, resize and classifier in one file."""
    t = float(schedule.timestep_map[level.t])

    def step(noisy: Tensor, noise: DrawNoise, stage: Stage) -> tuple[Tensor, Tensor | None]:
        with torch.inference_mode(), stage("denoise+classify"):
            out = session(noisy, noisy.new_full((len(noisy),), t), noisy.new_full((len(noisy),), level.sigma))
        return out if isinstance(out, tuple) else (out, None)

    return Chain(step, level, grid)


def staged(
    denoise: Denoiser, classify: Session, level: NoiseLevel | float, grid: tuple[int, int], size: int, votes: str = "denoised"
) -> Chain:
    """The chain as two sessions, denoiser then classifier at (size, size): any denoiser, each stage timed separately.

    `level`: a rule's, or the noise in pixels alone where no diffusion model is asked (sigma 0: nothing is added).
    `votes`: of the denoised picture, y(T(x + z)), or `noisy`, of y(x + z) as Algorithm 2's line 3 prints it; maps are of T(x + z) both ways.
    """
    noisy_votes = known(votes, VOTES, "votes") == "noisy"
    level = level if isinstance(level, NoiseLevel) else NoiseLevel("given", level, 0, level, level)
    sigma = level.sigma

    def step(noisy: Tensor, noise: DrawNoise, stage: Stage) -> tuple[Tensor, Tensor | None]:
        with torch.inference_mode():
            with stage("denoise"):
                denoised = denoise(noisy, sigma, noise)
            with stage("classify"):
                view = resize(denoised, (size, size))
                scores = classify(resize(noisy, (size, size)) if noisy_votes else view)
        return scores, view

    return Chain(step, level, grid)


class MapSums:
    """Every explainer's maps of the draws so far, fused."""

    def __init__(self, explain: Explained, images: Tensor):
        self.explain = explain
        self.fuses = {(name, fuse): fuses.build(fuse, len(images)) for name in explain.explainers for fuse in explain.fuses}
        self.empty = {name: torch.zeros(len(images), dtype=torch.int64, device=images.device) for name in explain.explainers}

    def add(self, denoised: Tensor, labels: Tensor, owners: Tensor) -> None:
        classes = labels if self.explain.classes is None else self.explain.classes.to(owners.device)[owners]
        for name, explain in self.explain.explainers.items():
            maps, empty = normalised(explain(denoised, classes))
            for fuse in self.explain.fuses:
                self.fuses[name, fuse].add(owners, maps)
            self.empty[name].index_add_(0, owners, empty.long())

    def result(self, draws: int) -> dict[tuple[str, str], Fused]:
        results = {key: fuse.result(draws) for key, fuse in self.fuses.items()}
        return {
            (name, fuse): Fused(r.maps, fuse, draws, r.squares, self.empty[name].cpu(), r.hits, r.exceeded)
            for (name, fuse), r in results.items()
        }


def require_denoised(denoised: Tensor | None) -> Tensor:
    """The denoised pictures, refused where the step returns scores alone."""
    if denoised is None:
        raise FvitError(
            "this exported graph gives scores alone; export it with its denoised pictures as an output to explain its draws",
            needs="denoised",
        )
    return denoised
