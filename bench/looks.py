"""A look: what one classifier, defended or not, says of a set of pictures, as they are or attacked, and where its maps point.

Tables are made of looks, and share them: attacked pictures, answers and maps are kept in the cache by chunks of pictures, keyed by everything
that made them, the commit too. Picture i has its own attack start and noise, so that no chunk, order or restart changes it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from bench import attacked, defences, lookcache, presets
from bench.attacks import _budget
from bench.data import embedded
from bench.defences import Defence
from bench.measure import Workbench
from bench.metrics import overlap, perturbation, segmentation
from bench.presets import Preset
from bench.stats import bootstrap
from bench.worlds import WorldOptions, build
from runtime import explain
from runtime.provenance import commit

CHUNK = 20  # pictures that a kill may cost
K = 8  # top cells of V_k
STEPS = {"apgd": 20, "autoattack": 10}  # theirs, in place of the printed rules; the official set has 100


@dataclass(frozen=True)
class Look:
    """`eps` of 255; `sigma` nominal of 255, None: the preset's; `reference`: compared with the same look at the clean picture.

    `perturbed`: the perturbation curves as well. `steps` of a ddim defence.
    """

    backbone: str
    task: str
    images: int
    preset: str = "corrected"
    attack: str = "none"
    norm: str = "linf"
    eps: float = 0.0
    defence: str = "none"
    sigma: float | None = None
    draws: int | None = None
    denoise: str | None = None
    steps: int | None = None
    explainers: tuple[str, ...] = ()
    reference: bool = False
    perturbed: bool = False
    seed: int = 0

    @property
    def key(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]

    @property
    def clean(self) -> "Look":
        """The same without the attack."""
        return replace(self, attack="none", norm="linf", eps=0.0, reference=False, perturbed=False)


@dataclass(frozen=True)
class Seen:
    """Of one chunk: its pictures as looked at, the right labels, masks (1 the object), the answers and maps."""

    images: Tensor
    truth: Tensor
    masks: Tensor
    labels: Tensor
    maps: Mapping[str, Tensor]


class Looker:
    """The networks of each backbone, loaded when its first look comes."""

    def __init__(self, say):
        self.say, self.benches = say, {}

    def bench(self, backbone: str) -> Workbench:
        if backbone not in self.benches:
            self.benches[backbone] = Workbench(build(WorldOptions(backbone=backbone)), torch.device("cpu"), self.say)
        return self.benches[backbone]

    def row(self, look: Look, progress=lambda pictures: None) -> dict:
        """What a table needs of `look`: answers, and for each explainer values with 95 % intervals."""
        parts, twins = [], []
        for numbers in chunks(look.images):
            parts.append(self.seen(look, numbers))
            if look.reference:
                twins.append(self.seen(look.clean, numbers))
            progress(len(numbers))
        right = torch.cat([part.labels == part.truth for part in parts])
        row = {
            "key": look.key, "look": asdict(look), "n": look.images, "real_sigma": self._real(look),
            "right": "".join("1" if hit else "0" for hit in right.tolist()), "hits": int(right.sum()),
        }  # fmt: skip
        return row | {"maps": {name: self._of_maps(look, name, parts, twins) for name in look.explainers}}

    def seen(self, look: Look, numbers: range) -> Seen:
        """One chunk; from the cache where it was looked at before."""
        batch = embedded.batch(look.task, "test", numbers)
        images = self._pictures(look, numbers, batch)
        wanted = asdict(look) | {"images": list(numbers), "reference": None, "perturbed": None, **self._made_by(look)}
        found = lookcache.recall(wanted, lambda: self._answer(look, images, numbers))
        maps = {name: torch.from_numpy(found[name]) for name in look.explainers}
        return Seen(images, batch.labels, (batch.masks == 1).long(), torch.from_numpy(found["labels"]), maps)

    def _pictures(self, look: Look, numbers: range, batch: embedded.Batch) -> Tensor:
        if look.attack == "none":
            return batch.images
        through = look.attack in attacked.THROUGH
        wanted = {"pictures": list(numbers), "backbone": look.backbone, "task": look.task, "attack": look.attack, "norm": look.norm}
        wanted |= {"eps": look.eps, "step": presets.preset(look.preset).step, **self._made_by(look)}
        wanted |= {"defence": look.defence, "sigma": self._real(look)} if through else {}
        return torch.from_numpy(lookcache.recall(wanted, lambda: {"images": self._attacked(look, numbers, batch)})["images"])

    def _attacked(self, look: Look, numbers: range, batch: embedded.Batch) -> ndarray:
        world = self.bench(look.backbone).world
        budget = _budget.paper(look.norm, look.eps / 255, presets.preset(look.preset).step, attacked.SEED)
        budget = replace(budget, steps=STEPS.get(look.attack, budget.steps))
        sigma = (self._real(look) or 0.0) / 255
        return attacked.build(look.attack, look.defence, sigma, world, budget)(batch.images, batch.labels, numbers).numpy()

    def _answer(self, look: Look, images: Tensor, numbers: range) -> dict[str, ndarray]:
        bench, made = self.bench(look.backbone), presets.preset(look.preset)
        explainers = {name: explain.build(name, bench.world.backbone) for name in look.explainers}
        found = defences.answer(bench, images, numbers, self._defence(look, made), explainers, made.fuse)
        return {"labels": found.labels.numpy()} | {name: maps.numpy() for name, maps in found.maps.items()}

    def _defence(self, look: Look, made: Preset) -> Defence:
        if look.defence == "none":
            return Defence("none")
        level = made.level(self.bench(look.backbone).world.denoiser.schedule, look.sigma)
        draws = 1 if look.defence == "denoiser" else look.draws or made.draws
        return Defence(look.defence, level, draws, look.seed, denoise=look.denoise or made.denoise, steps=look.steps)

    def _real(self, look: Look) -> float | None:
        """The noise really added, of 255."""
        level = self._defence(look, presets.preset(look.preset)).level
        return None if level is None else round(level.sigma * 255, 4)

    def _made_by(self, look: Look) -> dict:
        return {"commit": commit(), "weights": self.bench(look.backbone).world.fingerprints()}

    def _of_maps(self, look: Look, name: str, parts: list[Seen], twins: list[Seen]) -> dict:
        rows = [row for part in parts for row in segmentation.scores(part.maps[name], part.masks)]
        table, found = segmentation.columns(rows), {}
        for metric in (name for name, value in segmentation.totals(rows).items() if value is not None):
            found[metric] = _rounded(bootstrap(table, _rate(metric), 0))
        found["each"] = [round(1000 * row["correct"] / row["labeled"]) for row in rows]
        if look.reference:
            pairs = [(part.maps[name], twin.maps[name]) for part, twin in zip(parts, twins, strict=True)]
            for metric, measure in (("s_faith", overlap.s_faith), ("cosine", overlap.cosine), ("topk", _topk)):
                found[metric] = _rounded(bootstrap(torch.cat([measure(*pair) for pair in pairs]).numpy(), float, 0))
        if look.perturbed:
            for positive, metric in ((True, "positive_auc"), (False, "negative_auc")):
                found[metric] = _rounded(bootstrap(self._aucs(look, name, parts, positive), float, 0))
        return found

    def _aucs(self, look: Look, name: str, parts: list[Seen], positive: bool) -> Float[ndarray, " N"]:
        """Of the undefended classifier on the pictures as looked at, x = 0 included, against the right label."""
        bench, options, found = self.bench(look.backbone), perturbation.Options(positive, with_zero=True), []
        for part in parts:
            numbers = range(len(part.images))
            curve = perturbation.curve(
                lambda images, pictures: defences.labels(bench, images, pictures, Defence("none")),
                part.images, numbers, part.truth, part.maps[name], options,
            )  # fmt: skip
            found.append(perturbation.aucs(curve, options.x))
        return np.concatenate(found)


def chunks(images: int) -> list[range]:
    return [range(start, min(start + CHUNK, images)) for start in range(0, images, CHUNK)]


def _rate(metric: str) -> Callable[[ndarray], float]:
    return lambda means: float(segmentation.rates(means)[metric] or 0.0)


def _topk(a: Tensor, b: Tensor) -> Tensor:
    return overlap.topk(a, b, K)


def _rounded(values: tuple[float, float, float]) -> list[float]:
    return [round(value, 5) for value in values]
