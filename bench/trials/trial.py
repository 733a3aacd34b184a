"""A trial: one network, one defence, one attack, some pictures; and what is to be computed of its relevance maps."""

import functools
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from typing import Any

from bench.worlds.attack import Threat
from bench.worlds.defence import Defence
from bench.worlds.workbench import Engine

Maps = tuple[tuple[str, str], ...]  # explainer and metric


@dataclass(frozen=True)
class Trial:
    """`images`: the first so many pictures of the task's split. `threat` None: clean pictures. `maps`: which metric of which explainer's maps.

    `same_noise`: the clean picture's map that others are compared with has the same draws of noise, not fresh ones. `asks`: how often each picture
    is asked, with fresh noise; one wrong answer counts.
    """

    backbone: str
    task: str
    images: int
    split: str = "test"
    threat: Threat | None = None
    defence: Defence = field(default_factory=Defence)
    engine: Engine = field(default_factory=Engine)
    maps: Maps = ()
    same_noise: bool = False
    asks: int = 1

    @property
    def base(self) -> "Trial":
        """What is done to a picture, whatever is computed of its maps and however many pictures there are."""
        return replace(self, images=0, maps=())

    @functools.cached_property
    def key(self) -> str:
        """A short hash of the fields of `base` that differ from their defaults: a new field orphans no row."""
        return hashlib.sha256(json.dumps(differing(self.base), sort_keys=True).encode()).hexdigest()[:12]

    @property
    def twin(self) -> "Trial":
        """The same on clean pictures with fresh noise, with the same explainers and no metric: what maps are compared with.

        The same noise on both sides would make a randomised defence look steadier than it is.
        """
        fresh = 1 if self.defence.randomised and not self.same_noise else 0
        defence = replace(self.defence, seed=self.defence.seed + fresh)
        maps = tuple((explainer, "") for explainer in self.explainers)
        return replace(self, threat=None, defence=defence, maps=maps, same_noise=False)

    @property
    def explainers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(explainer for explainer, _ in self.maps))

    def part_key(self, numbers: range) -> str:
        """The key of the row of the pictures `numbers`."""
        return f"{self.key}/{numbers.start}-{numbers.stop}/{maps_key(self.maps)}"

    @property
    def asked_key(self) -> str:
        """The key of the row that says how many pictures were asked for."""
        return f"{self.key}/asked-{self.images}/{maps_key(self.maps)}"

    def __str__(self) -> str:
        attack = "clean" if self.threat is None else f"{self.threat.attack} {self.threat.norm} {255 * self.threat.eps:g}/255"
        return f"{self.backbone} {self.task}, {attack}, {self.defence.kind}"


def maps_key(maps: Iterable[tuple[str, str]]) -> str:
    """A short hash of what is computed of a trial's maps, in any order."""
    return hashlib.sha256(json.dumps(sorted(maps)).encode()).hexdigest()[:6]


def parts(pictures: int, chunk: int) -> list[range]:
    """The pictures 0 to `pictures` in the parts that are answered together."""
    return [range(start, min(start + chunk, pictures)) for start in range(0, pictures, chunk)]


def differing(value: Any) -> dict[str, Any]:
    """The fields of a dataclass that differ from their defaults, as plain values."""
    found = {}
    for one in fields(value):
        own = getattr(value, one.name)
        default = one.default_factory() if one.default_factory is not MISSING else one.default
        if own != default:
            found[one.name] = differing(own) if is_dataclass(own) else list(own) if isinstance(own, tuple) else own
    return found


def merged(trials: list[Trial]) -> list[Trial]:
    """Trials that differ in nothing but their maps or number of pictures, joined: the larger number, the maps of all."""
    found: dict[Trial, Trial] = {}
    for trial in trials:
        base = trial.base
        before = found.get(base, trial)
        maps = tuple(dict.fromkeys((*before.maps, *trial.maps)))
        found[base] = replace(trial, images=max(before.images, trial.images), maps=maps)
    return list(found.values())


def by_backbone(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    """One network after the other, in the order in which they first come."""
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        found.setdefault(trial.backbone, []).append(trial)
    return found
