"""Maps of a picture as it is and attacked, undefended and behind DDS: the draws are denoised once and serve every explainer, class and fuse."""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from torch import Tensor

from bench.attacks import pgd
from bench.attacks._budget import Budget
from bench.attacks._target import Target, classifier
from bench.records.clock import StageClock
from bench.worlds.data import digits as embedded
from bench.worlds.workbench import Workbench
from bench.worlds.world import NOISE, World, WorldOptions, build
from runtime import pictures
from runtime.diffusion import schedule as schedules
from runtime.diffusion.schedule import NoiseLevel
from runtime.maps import explain as explaining
from runtime.noise import DrawNoise
from runtime.protocols import Explainer
from runtime.smooth import Explained, Plan, fused, resize, smooth

ATTACK = Budget("linf", 8 / 255, 2 / 255, 10, random_start=True, seed=1)
BATCH = 10


@dataclass(frozen=True)
class Asked:
    """What `fvit explain` was asked. `sigma`: real noise of 255, None: the world's own; `explained`: top1, top2 or class names."""

    world: str
    backbone: str | None
    weights: Path | None
    classes: Path | None
    denoiser_weights: Path | None
    head_channels: int
    files: tuple[Path, ...]
    task: str
    picture: tuple[int, ...]
    explainer: tuple[str, ...]
    explained: tuple[str, ...]
    sigma: float | None
    draws: int
    fuse: tuple[str, ...]
    session: str
    attack: str
    seed: int


@dataclass(frozen=True)
class Seen:
    """One picture in one state. `plain` and `dds`: maps (G1, G2) by explainer and class number, and by fuse besides."""

    name: str
    state: str
    image: Tensor
    denoised: Tensor
    mask: Tensor | None
    scores: Tensor
    votes: Tensor
    classes: tuple[str, ...]
    plain: dict[tuple[str, int], Tensor]
    dds: dict[tuple[str, int, str], Tensor]
    seconds: dict[str, float]
    level: NoiseLevel


@dataclass(frozen=True)
class Subject:
    """A picture (1, 3, S, S), its number (which chooses its noise), its label and its object's mask where they are known."""

    name: str
    image: Tensor
    number: int
    label: int | None
    mask: Tensor | None


def explain(asked: Asked, console: Console) -> list[Seen]:
    """Each picture as it is, and attacked if that was asked."""
    options = WorldOptions(
        asked.world, asked.backbone, asked.weights, asked.classes, asked.denoiser_weights, asked.head_channels
    )  # fmt: skip
    bench = Workbench(build(options), torch.device("cpu"), lambda line: console.print(f"[dim]{line}[/dim]", highlight=False))
    world = bench.world
    if world.backbone.weights.startswith("random"):
        warnings.warn(f"{world.backbone.name} has {world.backbone.weights} weights: its maps mean nothing; give --weights", stacklevel=1)
    explainers = {spec: explaining.build(spec, world.backbone) for spec in asked.explainer}
    found = []
    for subject in subjects(asked, world):
        scores = _scores(world, subject.image)
        wanted = list(dict.fromkeys(_class(word, scores, world) for word in asked.explained))
        for state, image in _states(asked, world, subject, scores):
            found.append(_look(asked, bench, replace(subject, image=image), state, wanted, explainers))
    return found


def subjects(asked: Asked, world: World) -> list[Subject]:
    """The files, or pictures of the embedded world's test split."""
    side = world.backbone.size
    if asked.files:
        paths = [path for given in asked.files for path in pictures.find(given)]
        stems = [path.stem for path in paths]
        names = [stem if stems.count(stem) == 1 else f"{stem} {i}" for i, stem in enumerate(stems)]
        return [
            Subject(name, pictures.read(path, side)[None], i, None, None) for i, (name, path) in enumerate(zip(names, paths, strict=True))
        ]
    batch = embedded.batch(asked.task, "test", asked.picture)
    masks = F.interpolate(batch.masks[:, None].float(), (side, side))[:, 0]
    images, labels = resize(batch.images, (side, side)), batch.labels.tolist()
    return [Subject(f"{asked.task} {n}", images[i : i + 1], n, labels[i], masks[i]) for i, n in enumerate(asked.picture)]


def arrays(seen: list[Seen]) -> dict[str, np.ndarray]:
    """Everything in the panel by name: picture/state/what."""
    found = {}
    for one in seen:
        at = f"{one.name}/{one.state}".replace(" ", "_")
        found |= {f"{at}/image": one.image.numpy(), f"{at}/denoised": one.denoised.numpy(), f"{at}/votes": one.votes.numpy()}
        found |= {f"{at}/scores": one.scores.numpy()}
        found |= {f"{at}/plain/{'/'.join(map(str, key))}": value.numpy() for key, value in one.plain.items()}
        found |= {f"{at}/dds/{'/'.join(map(str, key))}": value.numpy() for key, value in one.dds.items()}
    return found


def _states(asked: Asked, world: World, subject: Subject, scores: Tensor) -> list[tuple[str, Tensor]]:
    """The attack takes a picture's label, or what the classifier says where none is known."""
    states = [("as it is", subject.image)]
    if asked.attack == "pgd":
        truth = torch.tensor([int(scores.argmax()) if subject.label is None else subject.label])
        states.append(("attacked", pgd.build(Target(classifier(world.backbone.model)), ATTACK)(subject.image, truth, [subject.number])))
    return states


def _look(asked: Asked, bench: Workbench, subject: Subject, state: str, wanted: list[int], explainers: dict[str, Explainer]) -> Seen:
    """One set of denoised draws; each explainer bound to each class looks at it."""
    world, clock = bench.world, StageClock(bench.device)
    level = schedules.level(world.denoiser.schedule, (asked.sigma or NOISE) / 255, "cumulative")
    step = fused(bench.load(asked.session, "fp32", "classify_draws").session, level, world.denoiser.schedule, clock)
    bound = {f"{spec} of {number}": for_class(explain, number) for spec, explain in explainers.items() for number in wanted}
    size = world.denoiser.size
    plan = Plan(level.sigma, asked.draws, asked.seed, min(BATCH, asked.draws), (size, size))
    smoothed = smooth(subject.image, [subject.number], plan, step, Explained(bound, fuses=asked.fuse), clock)
    seconds, clean, noise = dict(clock.seconds), resize(subject.image, (size, size)), DrawNoise(asked.seed, [subject.number], [0])
    _, denoised = step(clean + level.sigma * noise.normal(clean), noise)
    assert denoised is not None
    return Seen(
        subject.name, state, subject.image[0], denoised[0], subject.mask, _scores(world, subject.image), smoothed.votes[0],
        world.backbone.classes,
        {(spec, number): explain(subject.image, torch.tensor([number]))[0] for spec, explain in explainers.items() for number in wanted},
        {(s, n, fuse): smoothed.maps[f"{s} of {n}", fuse].maps[0] for s in explainers for n in wanted for fuse in asked.fuse}, seconds, level,
    )  # fmt: skip


def for_class(explain: Explainer, number: int) -> Explainer:
    """`explain` for one class, whatever the draw voted for."""
    return lambda images, classes: explain(images, torch.full_like(classes, number))


def _class(word: str, scores: Tensor, world: World) -> int:
    if word in ("top1", "top2"):
        return int(scores.argsort(descending=True)[int(word[-1]) - 1])
    return explaining.class_number(word, world.backbone)


@torch.inference_mode()
def _scores(world: World, image: Tensor) -> Tensor:
    return world.backbone.model(image)[0].clone()
