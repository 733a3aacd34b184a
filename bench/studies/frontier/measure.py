"""Votes, seconds and maps of each setting of DDS, on the same pictures and the same noise.

A setting is measured once with its most draws, cut at LEVELS: its first m draws are the setting with m draws. Pictures are clean and under the
transfer attack; maps (of MAPPED draws) are compared with those of eager fp32 on the same draws. Time is measured twice: many pictures in a row,
and one picture alone.
"""

from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from itertools import pairwise

import torch
from rich.console import Console
from torch import Tensor

from bench.metrics import overlap
from bench.metrics.topk import K
from bench.records.campaign import Campaign, How, Plan
from bench.records.clock import seconds, settled
from bench.records.rows import AnyRow, Priced
from bench.records.store import Store
from bench.studies.frontier.settings import STUDY, FrontierSettings
from bench.trials.run import Runner
from bench.trials.trial import Trial
from bench.worlds import defence as defences
from bench.worlds import world as worlds
from bench.worlds.attack import Threat
from bench.worlds.defence import CONTROLS, Defence, even_batch
from bench.worlds.workbench import EAGER, Engine, Workbench, unavailable
from bench.worlds.world import World
from runtime.diffusion import denoise, schedule
from runtime.diffusion.schedule import NoiseLevel
from runtime.maps import explain

LEVELS = (1, 3, 10, 20, 25, 30, 50, 70, 100)  # draws
ALONE = (1, 10, 100)  # draws of which one picture alone is timed: each may be a batch size, which some sessions compile for
MAPPED = 10
REPETITIONS = 5  # of one picture alone, another picture each time where there are enough
CALLS = 100  # of the denoiser per picture at most; a chain longer than that draws once
EXPLAINER = "vta"


@dataclass(frozen=True)
class PricedPoint:
    """`denoise`: one_shot, chain, ddim-<steps>, or a control: identity, blur, jpeg."""

    engine: Engine
    denoise: str

    def __str__(self) -> str:
        return f"{self.engine}, {self.denoise}"

    @property
    def words(self) -> tuple[str, str, str]:
        return self.engine.session, self.engine.precision, self.denoise

    def defence(self, level: NoiseLevel) -> Defence:
        if self.denoise == "identity":
            return Defence("noise", level)
        name, steps = self._named
        return Defence("dds", level, denoise=name, steps=steps)

    def calls(self, t: int) -> int:
        """Calls of the denoiser per draw."""
        return 1 if self.denoise in CONTROLS else denoise.calls(self._named[0], t, self._named[1])

    @property
    def _named(self) -> tuple[str, int | None]:
        name, _, steps = self.denoise.partition("-")
        return name, int(steps) if steps else None


REFERENCE = PricedPoint(EAGER, "one_shot")


def measure(points: list[PricedPoint], n: int, device: str, store: Store, console: Console, how: How) -> list[AnyRow]:
    """The rows of the campaign that prices `points` on `n` pictures, after what it lacked was measured."""
    world = worlds.open("embedded")
    words = [point.words for point in points]
    settings = FrontierSettings(n, device, world.scene.task, world.noise, words, LEVELS, ALONE, MAPPED, K)
    runner = Runner(world, lambda line: console.print(line, style="dim", markup=False, highlight=False), device)
    frontier = Frontier(runner, n)
    with settled(), Campaign(store, Plan(STUDY, asdict(settings), frontier.head), console, how) as campaign:
        for point in campaign.each(points, key=str):
            campaign.measure(str(point), partial(frontier.price, point, campaign.name), asdict(point))
    return campaign.rows


class Frontier:
    """The pictures, clean and attacked, and the reference's maps: made for the first point that needs them."""

    def __init__(self, runner: Runner, n: int):
        self.runner = runner
        scene = self.world.scene
        self.trial = Trial(scene.main, scene.task, n, threat=Threat("pgd"), engine=EAGER)

    @property
    def world(self) -> World:
        return self.runner.world

    @property
    def bench(self) -> Workbench:
        return self.runner.bench(self.trial.backbone)

    @cached_property
    def level(self) -> NoiseLevel:
        return schedule.level(self.bench.denoiser.schedule, self.world.noise, "cumulative")

    @cached_property
    def images(self) -> dict[str, Tensor]:
        trials = {"clean": self.trial.twin, "attacked": self.trial}
        parts = {
            name: [self.runner.answers(trial, part).pictures.images for part in self.runner.parts(trial)] for name, trial in trials.items()
        }
        return {name: torch.cat(images).to(self.bench.device) for name, images in parts.items()}

    @cached_property
    def labels(self) -> list[int]:
        numbers = range(len(self.images["clean"]))
        return self.world.pictures(self.trial.task, self.trial.split, numbers, self.bench.backbone).labels.tolist()

    @cached_property
    def reference(self) -> Tensor:
        return self._maps(REFERENCE)

    def head(self) -> dict:
        """What the campaign's first row says."""
        return {"weights": self.bench.weights(), "unavailable": unavailable(), "notes": self.world.notes()}

    def price(self, point: PricedPoint, campaign: str) -> Priced:
        """Votes level by level, seconds and maps of one setting.

        Seconds are those of labels, noise and votes included, without loading and parity; a session's first call is not counted.
        """
        levels = [m for m in LEVELS if m == 1 or m * point.calls(self.level.t) <= CALLS]
        self._votes(point, "clean", 0, 1)  # compiled, warm; not counted
        votes: dict[str, list[list[list[int]]]] = {}
        spent: list[float] = []
        for shown, images in self.images.items():
            votes[shown] = []
            for first, last in pairwise((0, *levels)):
                took = seconds(lambda s=shown, a=first, b=last: votes[s].append(self._votes(point, s, a, b)), self.bench.device)
                spent.append(took / len(images) / (last - first))
        alone = {str(draws): self._alone(point, draws) for draws in ALONE if draws in levels}
        cosine, topk = self._likeness(point) if levels[-1] >= MAPPED else (None, None)
        session, precision, name = point.words
        return Priced(
            campaign=campaign, key=str(point), session=session, precision=precision, denoise=name, labels=self.labels, levels=levels,
            votes=votes, seconds=spent, alone=alone, sigma=self.level.sigma, cosine=cosine, topk=topk,
        )  # fmt: skip

    def _votes(self, point: PricedPoint, shown: str, first: int, last: int) -> list[list[int]]:
        """Draws by label of each picture, of the draws from number `first` up to `last`."""
        defence = replace(point.defence(self.level), draws=last - first, first=first)
        images = self.images[shown]
        answer = defences.answer(self.bench, defence, point.engine, images, range(len(images)))
        assert answer.votes is not None
        return answer.votes.tolist()

    def _alone(self, point: PricedPoint, draws: int) -> list[float]:
        """Seconds of one picture, `draws` draws in the fewest equal calls; the first picture warms up and is not counted."""
        defence = replace(point.defence(self.level), draws=draws, batch=even_batch(draws))
        images, times = self.images["clean"], []
        for turn in range(REPETITIONS + 1):
            number = max(turn - 1, 0) % len(images)
            one = images[number : number + 1]
            times.append(seconds(partial(defences.answer, self.bench, defence, point.engine, one, [number]), self.bench.device))
        return times[1:]

    def _likeness(self, point: PricedPoint) -> tuple[list[float], list[float]]:
        maps = self._maps(point)
        return overlap.cosine(maps, self.reference).tolist(), overlap.topk(maps, self.reference, K).tolist()

    def _maps(self, point: PricedPoint) -> Tensor:
        explainers = {EXPLAINER: explain.build(EXPLAINER, self.bench.backbone)}
        defence, images = replace(point.defence(self.level), draws=MAPPED), self.images["clean"]
        return defences.answer(self.bench, defence, point.engine, images, range(len(images)), explainers).maps[EXPLAINER]
