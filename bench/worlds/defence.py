"""What stands between a picture and the classifier; the labels that come out, and the maps.

none       the classifier alone
dds        noise, denoiser, classifier; the majority of the draws
noise      noise and classifier, no denoiser: randomised smoothing (Cohen et al. 2019); the majority
denoiser   one denoiser call on the picture as it is, at the step that belongs to `level`; no noise, one answer

Cheap stand-ins for the denoiser show what the diffusion model adds; nobody trained or tuned them:

blur  Gaussian, deviation 1/64 of the picture's side (1 pixel of 64)
jpeg  compressed at quality 25 and read again
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from bench.worlds.workbench import Workbench
from runtime.diffusion import denoise
from runtime.diffusion.schedule import NoiseLevel
from runtime.noise import DrawNoise
from runtime.plugins import known
from runtime.protocols import Denoiser, Explainer, Noise
from runtime.smooth import Explained, Plan, Step, fused, resize, smooth, staged

NAMES = ("none", "dds", "noise", "denoiser")
LARGEST = 32  # draws of one call of the networks, where one picture is answered alone
SHARE, QUALITY = 64, 25
BATCH = 10  # execution batch, always full: votes depend on it in the last bit, so it is fixed


@dataclass(frozen=True)
class Defence:
    """`level` and `draws` mean nothing to `none`; `seed` chooses the draws' noise.

    `first`: the number of the first draw. `denoise`: how dds denoises, ddim in `steps` steps; or one of `CONTROLS` in the denoiser's place.
    `batch`: draws of one call of the networks.
    """

    name: str
    level: NoiseLevel | None = None
    draws: int = 1
    seed: int = 0
    session: str = "ort"
    precision: str = "fp32"
    denoise: str = "one_shot"
    steps: int | None = None
    first: int = 0
    batch: int = BATCH


@dataclass(frozen=True)
class Answer:
    """`labels` (B,); `maps`: by explainer (B, G1, G2), of the label that the classifier gave (each draw explains its own).

    `votes` (B, K): draws by label, where there are draws.
    """

    labels: Tensor
    maps: Mapping[str, Tensor]
    votes: Tensor | None = None


def labels(bench: Workbench, images: Tensor, pictures: Sequence[int], defence: Defence) -> Tensor:
    """The class (B,) that the defended classifier gives each of `images`, whose numbers are `pictures`."""
    return answer(bench, images, pictures, defence, {}).labels


def answer(
    bench: Workbench, images: Tensor, pictures: Sequence[int], defence: Defence, explainers: Mapping[str, Explainer], fuse: str = "mean"
) -> Answer:
    """Labels and maps of `images`; the draws of a randomised defence are made once and serve all `explainers`."""
    known(defence.name, NAMES, "defence")
    if defence.name in ("none", "denoiser"):
        return _once(bench, images, pictures, defence, explainers)
    assert defence.level is not None
    grid = (bench.world.denoiser.size, bench.world.denoiser.size)
    plan = Plan(defence.level.sigma, defence.draws, defence.seed, defence.batch, grid, defence.first)
    asked = Explained(explainers, fuses=(fuse,)) if explainers else None
    found = smooth(images, list(pictures), plan, _step(bench, defence), asked)
    return Answer(found.votes.argmax(1), {name: found.maps[name, fuse].maps.float() for name in explainers}, found.votes)


def _once(bench: Workbench, images: Tensor, pictures: Sequence[int], defence: Defence, explainers: Mapping[str, Explainer]) -> Answer:
    step, found, maps = _step(bench, defence), [], {name: [] for name in explainers}
    side = bench.world.denoiser.size if defence.name == "denoiser" else bench.world.backbone.size
    images = resize(images, (side, side))
    for start in range(0, len(images), BATCH):
        part = images[start : start + BATCH]
        filled = torch.cat([part, part[-1:].expand(BATCH - len(part), -1, -1, -1)])
        scores, view = step(filled, DrawNoise(defence.seed, [0] * BATCH, range(BATCH)))
        found.append(scores.argmax(1)[: len(part)])
        for name, explain in explainers.items():
            assert view is not None
            maps[name].append(explain(view[: len(part)], found[-1]))
    return Answer(torch.cat(found), {name: torch.cat(parts) for name, parts in maps.items()})


def _step(bench: Workbench, defence: Defence) -> Step:
    """The fused graph where there is one, else the parts it lacks left out."""
    world, level, size = bench.world, defence.level, bench.world.backbone.size

    def session(kind: str):
        return bench.load(defence.session, defence.precision, kind).session

    if defence.denoise in CONTROLS:
        return staged(CONTROLS[defence.denoise], session("backbone"), level.sigma if level else 0.0, size)
    if defence.name in ("none", "noise") or (defence.name == "dds" and level is not None and not level.denoises):
        return staged(denoise.identity, session("backbone"), 0.0, size)
    assert level is not None
    if defence.name == "dds" and defence.denoise == "one_shot":
        return fused(session("classify_draws"), level, world.denoiser.schedule)
    denoiser: Denoiser = denoise.build(defence.denoise, session("denoiser"), world.denoiser.schedule, defence.steps)
    return staged(denoiser, session("backbone"), level.sigma, size)


def batch(draws: int) -> int:
    """The fewest equal calls of LARGEST draws at most: `smooth` fills the last one up, and what it fills is lost."""
    return -(-draws // -(-draws // LARGEST))


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


CONTROLS: dict[str, Denoiser] = {"blur": blur, "jpeg": jpeg}
