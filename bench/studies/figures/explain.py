"""Maps of a picture as it is and attacked, undefended and behind DDS: the draws are denoised once and serve every explainer, class and fuse."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.records.clock import StageClock
from bench.worlds import attack as attacks
from bench.worlds import defence as defences
from bench.worlds import world as worlds
from bench.worlds.attack import Threat
from bench.worlds.defence import BATCH, Defence
from bench.worlds.workbench import Engine, Workbench
from bench.worlds.world import Brought
from runtime import pictures as files
from runtime.chain import Draws, Explained, no_stage, require_denoised
from runtime.diffusion import schedule as schedules
from runtime.diffusion.schedule import NoiseLevel
from runtime.errors import FvitError
from runtime.maps import explain as maps
from runtime.noise import DrawNoise
from runtime.pictures import resize
from runtime.protocols import Backbone, Explainer

CLEAN, ATTACKED = "as it is", "attacked"


@dataclass(frozen=True)
class MapQuestion:
    """Which maps of which pictures: `files`, or `pictures` of the world's `task` where there are none.

    `classes`: top1, top2 or class names; `sigma`: real noise in pixels, None: the world's own; `attack`: None explains clean pictures alone.
    """

    world: str = "embedded"
    brought: Brought = field(default_factory=Brought)
    files: tuple[Path, ...] = ()
    task: str = "digits"
    pictures: tuple[int, ...] = (0,)
    explainers: tuple[str, ...] = ("vta",)
    classes: tuple[str, ...] = ("top1",)
    sigma: float | None = None
    draws: int = 20
    fuses: tuple[str, ...] = ("mean",)
    session: str = "ort"
    attack: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Subject:
    """A picture (1, 3, S, S), its number (which chooses its noise), its label and its object's mask where they are known."""

    name: str
    image: Tensor
    number: int
    label: int | None = None
    mask: Tensor | None = None


@dataclass(frozen=True)
class Explanation:
    """One picture in one state. `noisy`, `denoised`: its first draw. `scores` (K,) undefended, `votes` (K,) of the draws by label.

    `plain` and `dds`: maps (G1, G2) by explainer and class number, and by fuse as well. `seconds`: of the draws, by stage.
    """

    subject: Subject
    state: str
    noisy: Tensor
    denoised: Tensor
    scores: Tensor
    votes: Tensor
    classes: tuple[str, ...]
    plain: Mapping[tuple[str, int], Tensor]
    dds: Mapping[tuple[str, int, str], Tensor]
    seconds: Mapping[str, float]
    level: NoiseLevel

    @property
    def image(self) -> Tensor:
        return self.subject.image[0]

    @property
    def answer(self) -> int:
        """The label that the undefended classifier gives."""
        return int(self.scores.argmax())

    @property
    def voted(self) -> int:
        """The label that most draws give."""
        return int(self.votes.argmax())


def explain(question: MapQuestion, say: Callable[[str], None]) -> list[Explanation]:
    """Each picture as it is, and attacked if that was asked for."""
    if question.attack is not None:
        attacks.find(question.attack)
    bench = Workbench(worlds.open(question.world, question.brought), say=say)
    if bench.backbone.weights.kind == "random":
        warnings.warn(f"{bench.backbone.name} has {bench.backbone.weights} weights: its maps mean nothing; give --weights", stacklevel=1)
    explainers = {spec: maps.build(spec, bench.backbone) for spec in question.explainers}
    found = []
    for subject in subjects(question, bench):
        scores = _scores(bench, subject.image)
        classes = list(dict.fromkeys(_class(word, scores, bench.backbone) for word in question.classes))
        for state, image in _states(question, bench, subject, scores):
            found.append(_explanation(question, bench, replace(subject, image=image), state, classes, explainers))
    return found


def subjects(question: MapQuestion, bench: Workbench) -> list[Subject]:
    """The files; else pictures of the task's test split; else, where the world has no such task, the pictures that it is timed with."""
    side = bench.backbone.size
    if question.files:
        paths = [path for given in question.files for path in files.find(given)]
        stems = [path.stem for path in paths]
        names = [stem if stems.count(stem) == 1 else f"{stem} {i}" for i, stem in enumerate(stems)]
        return [Subject(name, files.read(path, side)[None], i) for i, (name, path) in enumerate(zip(names, paths, strict=True))]
    if question.task not in bench.world.scene.tasks:
        return _samples(question, bench)
    batch = bench.world.pictures(question.task, "test", question.pictures, bench.backbone)
    images, labels = resize(batch.images, (side, side)), batch.labels.tolist()
    masks = None if batch.masks is None else F.interpolate(batch.masks[:, None].float(), (side, side))[:, 0]
    return [
        Subject(f"{question.task} {n}", images[i : i + 1], n, labels[i], None if masks is None else masks[i])
        for i, n in enumerate(batch.numbers)
    ]


def _samples(question: MapQuestion, bench: Workbench) -> list[Subject]:
    if min(question.pictures) < 0:
        raise FvitError(f"picture {min(question.pictures)} given; numbers from 0 on are expected")
    images, _ = bench.world.samples(max(question.pictures) + 1, bench.backbone)
    return [Subject(f"sample {n}", images[n : n + 1], n) for n in question.pictures]


def arrays(explanations: list[Explanation]) -> dict[str, np.ndarray]:
    """Everything in the panel by name: picture/state/what."""
    found: dict[str, Tensor] = {}
    for one in explanations:
        at = f"{one.subject.name}/{one.state}".replace(" ", "_")
        found |= {f"{at}/image": one.image, f"{at}/denoised": one.denoised, f"{at}/votes": one.votes, f"{at}/scores": one.scores}
        found |= {f"{at}/plain/{'/'.join(map(str, key))}": value for key, value in one.plain.items()}
        found |= {f"{at}/dds/{'/'.join(map(str, key))}": value for key, value in one.dds.items()}
    return {name: value.numpy() for name, value in found.items()}


def for_class(explain: Explainer, number: int) -> Explainer:
    """`explain` for one class, whatever the draw voted for."""
    return lambda images, classes: explain(images, torch.full_like(classes, number))


def _states(question: MapQuestion, bench: Workbench, subject: Subject, scores: Tensor) -> list[tuple[str, Tensor]]:
    """The attack takes a picture's label, or the label that the classifier gives where none is known."""
    states = [(CLEAN, subject.image)]
    if question.attack is not None:
        labels = torch.tensor([int(scores.argmax()) if subject.label is None else subject.label])
        attacked = attacks.attack(Threat(question.attack), bench, _defence(question, bench), subject.image, labels, [subject.number])
        states.append((ATTACKED, attacked.images))
    return states


def _defence(question: MapQuestion, bench: Workbench) -> Defence:
    sigma = bench.world.noise if question.sigma is None else question.sigma
    level = schedules.level(bench.denoiser.schedule, sigma, "cumulative")
    return Defence("dds", level, question.draws, seed=question.seed, batch=min(BATCH, question.draws))


def _explanation(
    question: MapQuestion, bench: Workbench, subject: Subject, state: str, classes: list[int], explainers: Mapping[str, Explainer]
) -> Explanation:
    """One set of denoised draws; each explainer bound to each class gets all of them."""
    defence, clock = _defence(question, bench), StageClock(bench.device)
    chain = defences.chain(bench, defence, Engine(question.session))
    bound = {(spec, number): for_class(explain, number) for spec, explain in explainers.items() for number in classes}
    names = {key: f"{key[0]} of {key[1]}" for key in bound}
    explained = Explained({names[key]: explain for key, explain in bound.items()}, fuses=question.fuses)
    draws = Draws(defence.draws, seed=defence.seed, batch=defence.batch)
    smoothed = chain(subject.image, [subject.number], draws, explained, clock)
    noise = DrawNoise(defence.seed, [subject.number], [0])
    clean = resize(subject.image, chain.grid)
    noisy = clean + chain.level.sigma * noise.unit(chain.noise, clean)
    denoised = require_denoised(chain.step(noisy, noise, no_stage)[1])
    plain = {key: explain(subject.image, torch.tensor([key[1]]))[0] for key, explain in bound.items()}
    dds = {(*key, fuse): smoothed.maps[name, fuse].maps[0] for key, name in names.items() for fuse in question.fuses}
    return Explanation(
        subject, state, noisy[0], denoised[0], _scores(bench, subject.image), smoothed.votes[0], bench.backbone.classes, plain, dds,
        clock.seconds, chain.level,
    )  # fmt: skip


def _class(word: str, scores: Tensor, backbone: Backbone) -> int:
    if word in ("top1", "top2"):
        return int(scores.argsort(descending=True)[int(word[-1]) - 1])
    return maps.class_number(word, backbone)


@torch.inference_mode()
def _scores(bench: Workbench, image: Tensor) -> Tensor:
    return bench.backbone.model(image)[0].clone()
