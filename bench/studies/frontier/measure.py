"""What an answer costs against what it is worth: settings of DDS one after another, on the same pictures and the same draws.

A setting is measured once with its most draws, cut at LEVELS: the first m draws of it are the setting with m draws. Accuracy is measured on
pictures as they are and under the transfer attack; maps (of MAPPED draws) are compared with those of eager fp32 on the same draws. Cost is
measured twice: many pictures in a row, and one picture alone.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

import torch
from torch import Tensor

from bench.metrics import overlap
from bench.records.clock import seconds
from bench.trials.run import K, Look, Looker
from bench.worlds import defence as defences
from bench.worlds.data import digits as embedded
from bench.worlds.defence import CONTROLS, Defence, batch
from bench.worlds.workbench import Workbench
from bench.worlds.world import NOISE
from runtime.certificates import certify
from runtime.diffusion import denoise, schedule
from runtime.maps import explain

LEVELS = (1, 3, 10, 20, 25, 30, 50, 70, 100)  # draws
SELECTION = 10  # the first draws choose the label that the others certify
MAPPED = 10
ALONE = (1, 10, 100)  # draws of which one picture alone is timed: each may be a batch size, which some sessions compile for
ASKED = 5  # pictures, one after another, whose median is one picture's time
CALLS = 100  # of the denoiser a picture at most; a chain longer than that draws once
ALPHA, RADIUS = 0.001, 0.25  # certified accuracy: a radius of RADIUS sigma, wrong with probability ALPHA at most
BACKBONE, ATTACK, EPS = "vit_embedded", "pgd", 8.0
REFERENCE = ("eager", "fp32", "one_shot")
IDENTITY = "identity"


@dataclass(frozen=True)
class Point:
    """`denoise`: one_shot, chain, ddim-<steps>, or a control: identity, blur, jpeg."""

    session: str
    precision: str
    denoise: str

    def defence(self, level: schedule.NoiseLevel) -> Defence:
        name, _, steps = self.denoise.partition("-")
        shared = {"level": level, "session": self.session, "precision": self.precision}
        if name == IDENTITY:
            return Defence("noise", **shared)
        return Defence("dds", denoise=name, steps=int(steps) if steps else None, **shared)


class Frontier:
    """The pictures, clean and attacked, and the reference's maps; made once."""

    def __init__(self, bench: Workbench, images: int):
        self.bench, self.numbers = bench, list(range(images))
        look = Look(BACKBONE, embedded.TASKS[0], images, attack=ATTACK, eps=EPS)
        looker = Looker(bench.say, device=bench.device.type)
        looker.benches[BACKBONE] = bench
        seen = [looker.seen(one, range(images)) for one in (look.clean, look)]
        self.images = {"clean": seen[0].pictures.images.to(bench.device), "attacked": seen[1].pictures.images.to(bench.device)}
        self.labels = seen[0].pictures.labels
        self.level = schedule.level(bench.world.denoiser.schedule, NOISE / 255, "cumulative")
        self.wanted = self._maps(Point(*REFERENCE).defence(self.level))

    def measure(self, point: Point) -> dict:
        """Of each number of draws: which pictures are right, clean and attacked, and certified; seconds; the maps' likeness.

        Seconds are those of labels, noise and votes in, without loading and parity. `seconds_a_draw`: all pictures in a row, which share
        batches of ten. `alone`: one picture with all its draws, by number of draws.
        """
        defence = point.defence(self.level)
        levels = [m for m in LEVELS if m == 1 or m * self._calls(point) <= CALLS]
        self._votes(defence, "clean", 0, 1)  # compiled, warm; not counted
        votes: dict[str, list[Tensor]] = {}
        spent = []
        for which in self.images:
            votes[which] = []
            for first, last in pairwise((0, *levels)):
                took = seconds(lambda w=which, a=first, b=last: votes[w].append(self._votes(defence, w, a, b)), self.bench.device)
                spent.append(took / len(self.numbers) / (last - first))
        found = [self._at(votes, number, levels) for number in range(len(levels))]
        alone = {draws: self._alone(defence, draws) for draws in ALONE if draws in levels}
        return {
            "n": len(self.numbers), "seconds_a_draw": median(spent), "alone": alone, "levels": found, "adaptive": self._adaptive(votes, levels),
            "maps": self._likeness(defence) if levels[-1] >= MAPPED else None, "real_sigma": self.level.sigma * 255,
        }  # fmt: skip

    def _calls(self, point: Point) -> int:
        name, _, steps = point.denoise.partition("-")
        return 1 if name in (*CONTROLS, IDENTITY) else denoise.calls(name, self.level.t, int(steps) if steps else None)

    def _votes(self, defence: Defence, which: str, first: int, last: int) -> Tensor:
        drawn = replace(defence, draws=last - first, first=first)
        answer = defences.answer(self.bench, self.images[which], self.numbers, drawn, {})
        assert answer.votes is not None
        return answer.votes.cpu()

    def _alone(self, defence: Defence, draws: int) -> float:
        """Seconds of one picture, `draws` draws in the fewest equal calls; the first picture warms up and is not counted."""
        drawn = replace(defence, draws=draws, batch=batch(draws))
        images = self.images["clean"]
        times = []
        for number in [0, *(self.numbers * ASKED)[:ASKED]]:
            one = images[number : number + 1]
            times.append(seconds(lambda one=one, number=number: defences.labels(self.bench, one, [number], drawn), self.bench.device))
        return median(times[1:])

    def _at(self, votes: dict[str, list[Tensor]], number: int, levels: list[int]) -> dict:
        """The first `levels[number]` draws."""
        sums = {which: torch.stack(parts[: number + 1]).sum(0) for which, parts in votes.items()}
        right = {which: _bits(total.argmax(1) == self.labels) for which, total in sums.items()}
        certified = None
        if levels[number] > SELECTION:
            chosen = torch.stack(votes["clean"][: levels.index(SELECTION) + 1]).sum(0)
            rest = (sums["clean"] - chosen).numpy()
            said = [certify.label(a, b, self.level.sigma, ALPHA) for a, b in zip(chosen.numpy(), rest, strict=True)]
            wanted = RADIUS * self.level.sigma
            certified = "".join(str(int(s.label == y and s.radius >= wanted)) for s, y in zip(said, self.labels.tolist(), strict=True))
        return {"draws": levels[number], **right, "certified": certified}

    def _adaptive(self, votes: dict[str, list[Tensor]], levels: list[int]) -> dict | None:
        """Draws of each picture until the first draws' label is certain to be the smoothed classifier's, or the last level is reached.

        The answer is the majority of what was drawn by then.
        """
        if levels[-1] <= SELECTION:
            return None
        at = levels.index(SELECTION)
        found: dict = {"drawn": {}}
        for which, parts in votes.items():
            sums = torch.stack(parts).cumsum(0)  # (levels, pictures, labels)
            chosen = sums[at].argmax(1)
            hits = (sums[at + 1 :] - sums[at]).gather(2, chosen.expand(len(levels) - at - 1, -1)[..., None])[..., 0]
            ends = [_stopped(one, levels[at + 1 :]) for one in hits.T.tolist()]
            said = torch.stack([sums[levels.index(end), picture].argmax() for picture, end in enumerate(ends)])
            found |= {which: _bits(said == self.labels), "drawn": found["drawn"] | {which: ends}}
        return found

    def _maps(self, defence: Defence) -> Tensor:
        vta = {"vta": explain.build("vta", self.bench.world.backbone)}
        return defences.answer(self.bench, self.images["clean"], self.numbers, replace(defence, draws=MAPPED), vta).maps["vta"]

    def _likeness(self, defence: Defence) -> dict:
        found = self._maps(defence)
        return {
            "cosine": overlap.cosine(found, self.wanted).tolist(),
            "topk": overlap.topk(found, self.wanted, K).tolist(),
        }


def _stopped(hits: list[int], levels: list[int]) -> int:
    """The first level at which more than half of all draws are certain to give that label, else the last: a label refuted is no answer."""
    sure = (m for m, k in zip(levels, hits, strict=True) if certify.decided(k, m - SELECTION, 0.5, ALPHA))
    return next(sure, levels[-1])


def _bits(right: Tensor) -> str:
    return "".join(str(int(one)) for one in right.tolist())
