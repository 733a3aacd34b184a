"""From a trial to its rows, some pictures at a time.

Trials share attacked pictures, answers and maps through a cache on disk, keyed by everything that made them, the commit too. Picture i has its
own attack start and noise, so no chunk, order, shard or restart changes it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from bench.protocols import MetricInput
from bench.records import cache
from bench.records.clock import now
from bench.records.rows import Answered, Asked
from bench.trials.metric import find
from bench.trials.trial import Trial, differing, parts
from bench.worlds import attack as attacks
from bench.worlds import defence as defences
from bench.worlds.defence import Defence
from bench.worlds.workbench import Engine, Workbench
from bench.worlds.world import Pictures, World
from runtime import plugins
from runtime.maps import explain
from runtime.provenance import commit

AGAIN = 1000  # between the seeds with which a picture is asked again


@dataclass(frozen=True)
class Answers:
    """Of some pictures: they as they were shown, the labels given, maps by explainer, votes where there are draws, what the attack says of itself."""

    pictures: Pictures
    labels: Tensor
    votes: Tensor | None
    maps: dict[str, Tensor]
    stages: list[str] | None
    blind: list[bool] | None


class Runner:
    """The networks of each backbone, built when its first trial comes, and no more of them than the world says fit into memory."""

    def __init__(self, world: World, say: Callable[[str], None] = lambda line: None, device: str = "cpu"):
        self.world, self.say, self.device = world, say, torch.device(device)
        self.own = ""  # a campaign that shares its answers with no other, so that all of them are timed
        self.benches: dict[str, Workbench] = {}

    def bench(self, backbone: str) -> Workbench:
        if backbone not in self.benches:
            self.world.require(backbone)
            while len(self.benches) >= self.world.keep:
                self.benches.pop(next(iter(self.benches)))
            self.benches[backbone] = Workbench(self.world, backbone, self.device, self.say)
        return self.benches[backbone]

    def asked(self, trial: Trial, campaign: str) -> Asked:
        """The row that says which pictures `trial` asks for and how many there are."""
        size = self.world.size(trial.task, trial.split, self.bench(trial.backbone).backbone)
        maps = list(trial.maps)
        return Asked(campaign=campaign, key=trial.asked_key, images=trial.images, size=size, chunk=self.world.chunk, maps=maps)

    def parts(self, trial: Trial) -> list[range]:
        """The pictures of `trial`, or all that there are, in the parts that are answered together."""
        asked = self.asked(trial, "")
        return parts(min(asked.images, asked.size), asked.chunk)

    def row(self, trial: Trial, numbers: range, campaign: str) -> Answered:
        """One part's row."""
        start = now()
        answers = self.answers(trial, numbers)
        scores = self._scores(trial, answers, numbers) if answers.pictures.numbers else {}
        level = trial.defence.level
        return Answered(
            campaign=campaign, key=trial.part_key(numbers), trial=differing(trial.base), numbers=answers.pictures.numbers,
            labels=answers.pictures.labels.tolist(), answers=answers.labels.tolist(),
            votes=None if answers.votes is None else answers.votes.tolist(), scores=scores, sigma=None if level is None else level.sigma,
            stages=answers.stages, blind=answers.blind, left_out=answers.pictures.left_out, seconds=now() - start,
        )  # fmt: skip

    def answers(self, trial: Trial, numbers: Sequence[int]) -> Answers:
        """Of one part; from the cache where it was answered before."""
        bench = self.bench(trial.backbone)
        plain = self.world.pictures(trial.task, trial.split, numbers, bench.backbone)
        if not plain.numbers:
            return Answers(plain, plain.labels, None, {}, None, None)
        made_by = {"commit": commit(), "weights": bench.fingerprints(), "device": bench.device.type, "pixels": _hash(plain.images)}
        made_by |= {"campaign": self.own} if self.own else {}
        made_by |= {"plugins": plugins.origins(("runtime.explainers", "bench.attacks", "bench.metrics"))}
        shown = self._shown(trial, plain, made_by)
        pictures = replace(plain, images=torch.from_numpy(shown["images"]))
        key = made_by | {"trial": differing(trial.base), "pictures": plain.numbers}
        found = cache.recall(key, lambda: self._answer(trial, pictures), ("labels", *trial.explainers))
        maps = {name: torch.from_numpy(found[name]) for name in trial.explainers}
        votes = torch.from_numpy(found["votes"]) if "votes" in found else None
        stages, blind = (shown["stages"].tolist(), shown["blind"].tolist()) if "stages" in shown else (None, None)
        return Answers(pictures, torch.from_numpy(found["labels"]), votes, maps, stages, blind)

    def _shown(self, trial: Trial, plain: Pictures, made_by: dict) -> dict[str, ndarray]:
        """The pictures as the attacker leaves them."""
        if (threat := trial.threat) is None:
            return {"images": plain.images.numpy()}
        defence = trial.defence if threat.through else Defence()
        own = defence if threat.known else replace(defence, draws=1, seed=0, fuse="mean")
        key = made_by | {"backbone": trial.backbone, "task": trial.task, "split": trial.split, "pictures": plain.numbers}
        key |= {
            "labels": plain.labels.tolist(),
            "threat": differing(threat),
            "defence": differing(own),
        }

        def make() -> dict[str, ndarray]:
            images, labels = plain.images.to(self.device), plain.labels.to(self.device)
            attacked = attacks.attack(threat, self.bench(trial.backbone), defence, images, labels, plain.numbers)
            found = {"images": attacked.images.cpu().numpy()}
            if attacked.stages is not None and attacked.blind is not None:
                found |= {"stages": np.array(attacked.stages), "blind": attacked.blind.numpy()}
            return found

        return cache.recall(key, make)

    def _answer(self, trial: Trial, pictures: Pictures) -> dict[str, ndarray]:
        bench = self.bench(trial.backbone)
        explainers = {name: explain.build(name.partition("@")[0], bench.backbone) for name in trial.explainers}
        images = pictures.images.to(self.device)
        answer = defences.answer(bench, trial.defence, trial.engine, images, pictures.numbers, explainers)
        labels = answer.labels.cpu()
        for again in range(1, trial.asks):
            other = replace(trial.defence, seed=trial.defence.seed + AGAIN * again)
            fresh = defences.answer(bench, other, trial.engine, images, pictures.numbers).labels.cpu()
            labels = torch.where(labels == pictures.labels, fresh, labels)
        votes = {} if answer.votes is None else {"votes": answer.votes.cpu().numpy()}
        return {"labels": labels.numpy()} | votes | {name: maps.cpu().numpy() for name, maps in answer.maps.items()}

    def _scores(self, trial: Trial, answers: Answers, numbers: range) -> dict[str, dict[str, list]]:
        """Explainer -> metric -> the metric's numbers, picture by picture. A metric whose needs the data does not meet is left out."""
        metrics = {spec: find(spec) for spec in dict.fromkeys(spec for _, spec in trial.maps if spec)}
        paired = any("twin" in metric.needs for metric in metrics.values())
        twin = self.answers(trial.twin, numbers) if paired else None
        found: dict[str, dict[str, list]] = {}
        for name, maps in answers.maps.items():
            pictures, plain = answers.pictures, self._classify(trial, Defence())
            seen = MetricInput(
                pictures.images, pictures.labels, maps, pictures.masks, twin and twin.maps[name], plain, self._clean(trial, answers, numbers),
                self._classify(trial, trial.defence), pictures.numbers,
            )  # fmt: skip
            for spec, metric in metrics.items():
                if (name, spec) in trial.maps and all(getattr(seen, need) is not None for need in metric.needs):
                    found.setdefault(name, {})[spec] = np.asarray(metric.score(seen), dtype=float).tolist()
        return found

    def _classify(self, trial: Trial, defence: Defence) -> Callable[[Tensor, Sequence[int]], Tensor]:
        """Labels behind `defence`, in the trial's session."""
        bench, engine = self.bench(trial.backbone), Engine(trial.engine.session)
        return lambda images, numbers: defences.answer(bench, defence, engine, images.to(self.device), numbers).labels.cpu()

    def _clean(self, trial: Trial, answers: Answers, numbers: Sequence[int]) -> Tensor:
        """The pictures before any attack."""
        if trial.threat is None:
            return answers.pictures.images
        return self.world.pictures(trial.task, trial.split, numbers, self.bench(trial.backbone).backbone).images


def _hash(images: Tensor) -> str:
    return hashlib.sha256(images.numpy().tobytes()).hexdigest()[:16]
