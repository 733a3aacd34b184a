"""What stands between a picture and the classifier; the labels that come out, and the maps.

none       the classifier alone
dds        noise, denoiser, classifier; the majority of the draws
noise      noise and classifier, no denoiser: randomised smoothing (Cohen et al. 2019); the majority
denoiser   one denoiser call on the picture as it is, at the step that belongs to `level`; no noise, one answer

Cheap stand-ins for the denoiser show what the diffusion model adds; nobody trained or tuned them:

identity  no denoiser
blur      Gaussian, deviation 1/64 of the picture's side (1 pixel of 64)
jpeg      compressed at quality 25 and read again
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from bench.worlds.workbench import Engine, Workbench
from bench.worlds.world import World
from runtime import chain as chains
from runtime.chain import Chain, Draws, Explained, no_stage
from runtime.diffusion import denoise
from runtime.diffusion.schedule import NoiseLevel
from runtime.names import NOISES, VOTES
from runtime.noise import DrawNoise
from runtime.pictures import resize
from runtime.plugins import known
from runtime.protocols import Denoiser, Explainer, Noise

KINDS = ("none", "dds", "noise", "denoiser")
BATCH = 10  # execution batch, always full: votes depend on it in the last bit, so it is fixed
LARGEST = 32  # draws of one call of the networks, where one picture is answered alone
SHARE, QUALITY = 64, 25
NO_NOISE = NoiseLevel("none", 0.0, 0, 0.0, 0.0, denoises=False)


@dataclass(frozen=True)
class Defence:
    """`level`, `draws`, `seed` and `first` (number of the first draw) mean nothing to the kind none.

    `denoise`: how the picture is denoised (ddim in `steps` steps), or one of CONTROLS in the denoiser's place. `batch`: draws of one call.
    `noise`: its law, a name of runtime.noise.LAWS; the level is its standard deviation, whatever the law.
    `votes` (kind dds): `denoised`, the labels of T(x + z); or `noisy`, those of x + z as in Algorithm 2's line 3, while the maps stay those of
    T(x + z), each of its own draw's vote.
    """

    kind: str = "none"
    level: NoiseLevel | None = None
    draws: int = 1
    denoise: str = "one_shot"
    steps: int | None = None
    fuse: str = "mean"
    seed: int = 0
    first: int = 0
    batch: int = BATCH
    noise: str = "gaussian"
    votes: str = "denoised"

    def __post_init__(self):
        known(self.kind, KINDS, "defence")
        known(self.noise, NOISES, "noise")
        known(self.votes, VOTES, "votes")
        assert self.votes == "denoised" or self.kind == "dds", "only dds has a denoised picture beside the noisy one"
        assert self.kind == "none" or self.level is not None, "a defence with noise or a denoiser has a noise level"

    @property
    def randomised(self) -> bool:
        return self.kind in ("dds", "noise")


@dataclass(frozen=True)
class Answer:
    """`labels` (B,); `maps`: by explainer (B, G1, G2), of the label that the classifier gave (each draw explains its own).

    `votes` (B, K): draws by label, where there are draws.
    """

    labels: Tensor
    maps: Mapping[str, Tensor]
    votes: Tensor | None = None


def answer(
    bench: Workbench,
    defence: Defence,
    engine: Engine,
    images: Tensor,
    numbers: Sequence[int],
    explainers: Mapping[str, Explainer] | None = None,
) -> Answer:
    """Labels and maps of `images`; the draws of a randomised defence are made once and serve all `explainers`.

    An explainer's name may end in `@FUSE`, another fuse of its maps than the defence's.
    """
    explainers = explainers or {}
    if not defence.randomised:
        return _once(bench, defence, engine, images, explainers)
    draws = Draws(defence.draws, defence.first, defence.seed, defence.batch)
    parts = {name: (own, fuse or defence.fuse) for name in explainers for own, _, fuse in [name.partition("@")]}
    own = {parts[name][0]: explainer for name, explainer in explainers.items()}
    asked = Explained(own, fuses=tuple(dict.fromkeys(fuse for _, fuse in parts.values()))) if explainers else None
    smoothed = chain(bench, defence, engine)(images, list(numbers), draws, asked)
    return Answer(smoothed.votes.argmax(1), {name: smoothed.maps[pair].maps.float() for name, pair in parts.items()}, smoothed.votes)


def networks(defence: Defence) -> tuple[str, ...]:
    """The kinds of networks whose sessions `chain` loads for it."""
    if _fused(defence):
        return ("classify_draws",)
    denoises = (
        defence.kind in ("dds", "denoiser") and defence.denoise not in CONTROLS and defence.level is not None and defence.level.denoises
    )
    return ("denoiser", "backbone") if denoises else ("backbone",)


def together(world: World) -> int:
    """Pictures of one call where each is answered once: as many as the world answers together, BATCH at most."""
    return min(BATCH, world.chunk)


def _fused(defence: Defence) -> bool:
    """Whether one exported graph has it whole."""
    level = defence.level or NO_NOISE
    return defence.kind == "dds" and defence.denoise == "one_shot" and level.denoises and defence.votes == "denoised"


def chain(bench: Workbench, defence: Defence, engine: Engine) -> Chain:
    """The defended classifier: one exported graph where there is one, else its parts; parts that the defence lacks are left out."""
    level = defence.level or NO_NOISE
    if _fused(defence):
        whole = chains.fused(bench.session(engine, "classify_draws"), level, bench.denoiser.schedule, bench.grid)
        return replace(whole, noise=defence.noise)
    size = bench.backbone.size
    grid = bench.grid if defence.kind != "none" else (size, size)
    parts = chains.staged(denoiser(bench, defence, engine), bench.session(engine, "backbone"), level, grid, size, defence.votes)
    return replace(parts, noise=defence.noise)


def denoiser(bench: Workbench, defence: Defence, engine: Engine) -> Denoiser:
    """What the defence has between noise and classifier."""
    if defence.denoise in CONTROLS:
        return CONTROLS[defence.denoise]
    if defence.kind in ("none", "noise") or (defence.kind == "dds" and defence.level is not None and not defence.level.denoises):
        return denoise.identity
    return denoise.build(defence.denoise, bench.session(engine, "denoiser"), bench.denoiser.schedule, defence.steps)


def even_batch(draws: int) -> int:
    """The fewest equal calls of LARGEST draws at most: the last batch is filled up, and what fills it is lost."""
    return -(-draws // -(-draws // LARGEST))


def _once(bench: Workbench, defence: Defence, engine: Engine, images: Tensor, explainers: Mapping[str, Explainer]) -> Answer:
    """One answer per picture, without noise."""
    step, labels, maps = chain(bench, defence, engine).step, [], {name: [] for name in explainers}
    side, batch = bench.denoiser.size if defence.kind == "denoiser" else bench.backbone.size, together(bench.world)
    images = resize(images, (side, side))
    for start in range(0, len(images), batch):
        part = images[start : start + batch]
        filled = torch.cat([part, part[-1:].expand(batch - len(part), -1, -1, -1)])
        scores, view = step(filled, DrawNoise(defence.seed, [0] * batch, range(batch)), no_stage)
        labels.append(scores.argmax(1)[: len(part)])
        for name, explain in explainers.items():
            assert view is not None
            maps[name].append(explain(view[: len(part)], labels[-1]))
    return Answer(torch.cat(labels), {name: torch.cat(parts) for name, parts in maps.items()})


def blur(noisy: Tensor, sigma: float, noise: Noise) -> Tensor:
    """Reaches three deviations to each side."""
    deviation = noisy.shape[-1] / SHARE
    return gaussian_blur(noisy, [2 * round(3 * deviation) + 1] * 2, [deviation] * 2)


def jpeg(noisy: Tensor, sigma: float, noise: Noise) -> Tensor:
    """Picture by picture through Pillow, in 8 bits."""
    return torch.stack([_through(picture) for picture in noisy.cpu()]).to(noisy)


def _through(picture: Tensor) -> Tensor:
    pixels = (picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255


CONTROLS: dict[str, Denoiser] = {"identity": denoise.identity, "blur": blur, "jpeg": jpeg}
