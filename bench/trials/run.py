"""A look: what one classifier, defended or not, says of a set of pictures, as they are or attacked, and where its maps point.

Tables are made of looks, and share them: attacked pictures, answers and maps are kept in the cache by chunks of pictures, keyed by everything
that made them, the commit too. Picture i has its own attack start and noise, so that no chunk, order, shard or restart changes it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from bench.attacks import _budget
from bench.metrics import overlap, perturbation, segmentation
from bench.records import cache as lookcache
from bench.trials import tally as tallies
from bench.trials.tally import Picture, Tally
from bench.worlds import attack as attacked
from bench.worlds import defence as defences
from bench.worlds import presets
from bench.worlds.defence import Defence
from bench.worlds.presets import Preset
from bench.worlds.sources import Embedded, Pictures, Source
from bench.worlds.workbench import Workbench
from bench.worlds.world import build
from runtime.maps import explain
from runtime.provenance import commit

K = 8  # top cells of V_k


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
    """Of one chunk: its pictures as looked at, the answers, maps, draws by label (none without a defence), and what AutoAttack says of itself."""

    pictures: Pictures
    labels: Tensor
    votes: Tensor | None
    maps: dict[str, Tensor]
    stages: list[str] | None
    blind: Tensor | None


class Looker:
    """The networks of each backbone, loaded when its first look comes, and no more of them than the source says fit."""

    def __init__(self, say: Callable[[str], None], source: Source | None = None, device: str = "cpu"):
        self.say, self.source, self.device = say, source or Embedded(), torch.device(device)
        self.benches: dict[str, Workbench] = {}

    def bench(self, backbone: str) -> Workbench:
        if backbone not in self.benches:
            options = self.source.options(backbone)
            while len(self.benches) >= self.source.worlds:
                self.benches.pop(next(iter(self.benches)))
            self.benches[backbone] = Workbench(build(options), self.device, self.say)
        return self.benches[backbone]

    def row(self, look: Look, progress: Callable[[Tally], None] = lambda tally: None) -> dict:
        """What a table needs of `look`: answers, and for each explainer values with 95 % intervals."""
        return facts(look) | tallies.row(self.tally(look, self.chunks(look), progress))

    def tally(self, look: Look, numbers: Iterable[range], progress: Callable[[Tally], None] = lambda tally: None) -> Tally:
        """Every picture of these chunks; `progress` gets each chunk's own."""
        found = []
        for chunk in numbers:
            found.append(self._tally(look, chunk))
            progress(found[-1])
        return tallies.joined(found) if found else Tally([], [], self._real(look))

    def chunks(self, look: Look) -> list[range]:
        """The pictures of `look`, or all that there are."""
        most = min(look.images, self.source.size(look.task, self.bench(look.backbone).world.backbone))
        return [range(start, min(start + self.source.chunk, most)) for start in range(0, most, self.source.chunk)]

    def seen(self, look: Look, numbers: range) -> Seen:
        """One chunk; from the cache where it was looked at before."""
        plain = self.source.pictures(look.task, numbers, self.bench(look.backbone).world.backbone)
        if not plain.numbers:
            return Seen(plain, plain.labels, None, {}, None, None)
        bench = self.bench(look.backbone)
        made_by = {"commit": commit(), "weights": bench.world.fingerprints(), "device": bench.device.type, "pixels": _hash(plain.images)}
        shot = self._attack(look, plain, made_by)
        pictures = replace(plain, images=torch.from_numpy(shot["images"]))
        wanted = asdict(look) | {
            "images": plain.numbers,
            "eps": float(look.eps),
            "explainers": None,
            "reference": None,
            "perturbed": None,
            **made_by,
        }
        found = lookcache.recall(wanted, lambda: self._answer(look, pictures), ("labels", *look.explainers))
        maps = {name: torch.from_numpy(found[name]) for name in look.explainers}
        votes = torch.from_numpy(found["votes"]) if "votes" in found else None
        stages, blind = (shot["stages"].tolist(), torch.from_numpy(shot["blind"])) if "stages" in shot else (None, None)
        return Seen(pictures, torch.from_numpy(found["labels"]), votes, maps, stages, blind)

    def _tally(self, look: Look, numbers: range) -> Tally:
        seen = self.seen(look, numbers)
        maps = self._of_maps(look, seen, numbers) if seen.pictures.numbers else []
        pictures = []
        for i, number in enumerate(seen.pictures.numbers):
            truth = int(seen.pictures.labels[i])
            share = None if seen.votes is None else float(seen.votes[i, truth] / seen.votes[i].sum())
            stage, blind = (None, False) if seen.stages is None or seen.blind is None else (seen.stages[i], bool(seen.blind[i]))
            pictures.append(Picture(number, int(seen.labels[i]) == truth, share, maps[i], stage, blind))
        return Tally(pictures, [[one.name, one.reason] for one in seen.pictures.left_out], self._real(look))

    def _attack(self, look: Look, plain: Pictures, made_by: dict) -> dict[str, ndarray]:
        if look.attack == "none":
            return {"images": plain.images.numpy()}
        through = attacked.variant(look.attack).through
        wanted = {"pictures": plain.numbers, "backbone": look.backbone, "task": look.task, "attack": look.attack, "norm": look.norm}
        wanted |= {"eps": float(look.eps), "step": presets.preset(look.preset).step, **made_by}
        wanted |= {"defence": look.defence, "sigma": self._real(look)} if through else {}
        return lookcache.recall(wanted, lambda: self._attacked(look, plain))

    def _attacked(self, look: Look, plain: Pictures) -> dict[str, ndarray]:
        world = self.bench(look.backbone).world
        budget = _budget.paper(look.norm, look.eps / 255, presets.preset(look.preset).step, attacked.SEED)
        made = attacked.variant(look.attack)
        budget = replace(budget, steps=made.steps or budget.steps)
        images, labels = plain.images.to(self.device), plain.labels.to(self.device)
        if made.module == "autoattack":
            target = attacked.target(look.attack, look.defence, (self._real(look) or 0.0) / 255, world)
            found = attacked.staged(target, budget, images, labels, plain.numbers)
            return {"images": found.images.cpu().numpy(), "stages": np.array(found.stages), "blind": found.blind.numpy()}
        sigma = (self._real(look) or 0.0) / 255
        attack = attacked.build(look.attack, look.defence, sigma, world, budget)
        return {"images": attack(images, labels, plain.numbers).cpu().numpy()}

    def _answer(self, look: Look, pictures: Pictures) -> dict[str, ndarray]:
        bench, made = self.bench(look.backbone), presets.preset(look.preset)
        explainers = {name: explain.build(name, bench.world.backbone) for name in look.explainers}
        images = pictures.images.to(self.device)
        found = defences.answer(bench, images, pictures.numbers, self._defence(look, made), explainers, made.fuse)
        votes = {} if found.votes is None else {"votes": found.votes.cpu().numpy()}
        return {"labels": found.labels.cpu().numpy()} | votes | {name: maps.cpu().numpy() for name, maps in found.maps.items()}

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

    def _of_maps(self, look: Look, seen: Seen, numbers: range) -> list[dict[str, dict]]:
        """Picture by picture, explainer by explainer, the numbers of its map."""
        twin = self.seen(look.clean, numbers) if look.reference else None
        found: list[dict[str, dict]] = [{} for _ in seen.pictures.numbers]
        for name, maps in seen.maps.items():
            columns: dict[str, Tensor | ndarray] = {}
            if twin is not None:
                measures = {"s_faith": overlap.s_faith, "cosine": overlap.cosine, "topk": _topk}
                columns |= {metric: measure(maps, twin.maps[name]) for metric, measure in measures.items()}
            if look.perturbed:
                columns |= {f"{kind}_auc": self._aucs(look, seen, maps, kind == "positive") for kind in ("positive", "negative")}
            scored = None if seen.pictures.masks is None else segmentation.scores(maps, seen.pictures.masks)
            for i, one in enumerate(found):
                one[name] = {metric: float(column[i]) for metric, column in columns.items()}
                one[name] |= {} if scored is None else {"segmentation": scored[i]}
        return found

    def _aucs(self, look: Look, seen: Seen, maps: Tensor, positive: bool) -> ndarray:
        """Of the undefended classifier on the pictures as looked at, x = 0 included, against the right label."""
        bench, options = self.bench(look.backbone), perturbation.Options(positive, with_zero=True)
        images = seen.pictures.images
        curve = perturbation.curve(
            lambda images, pictures: defences.labels(bench, images.to(self.device), pictures, Defence("none")).cpu(),
            images, range(len(images)), seen.pictures.labels, maps, options,
        )  # fmt: skip
        return perturbation.aucs(curve, options.x)


def facts(look: Look) -> dict:
    """How its row is found again."""
    return {"key": look.key, "look": asdict(look)}


def _topk(a: Tensor, b: Tensor) -> Tensor:
    return overlap.topk(a, b, K)


def _hash(images: Tensor) -> str:
    return hashlib.sha256(images.numpy().tobytes()).hexdigest()[:16]
