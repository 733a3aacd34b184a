"""What a campaign of trials is asked: the settings that all its tables share, read from its first row as well."""

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from bench.records.store import plain
from bench.worlds import world as worlds
from bench.worlds.presets import Preset, preset
from bench.worlds.world import Brought, Scene


@dataclass(frozen=True)
class Settings:
    """`n`: pictures per cell. `data` and `checkpoints`: names of what the user brought. `long`: the attacks that take hours as well.

    `sigma`: another real noise (pixels) than the world's own, for the table `world`.
    `explainers` and `attacks`: what tables that compare several show; (): their own choice. `rehearsal`: everything in small, on one picture.
    """

    n: int = 200
    preset: str = "corrected"
    seed: int = 0
    world: str = "embedded"
    data: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    long: bool = False
    sigma: float | None = None
    explainers: tuple[str, ...] = ()
    attacks: tuple[str, ...] = ()
    rehearsal: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", plain(self.sigma))  # as it comes back from a row: keys of trials depend on its digits

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> "Settings":
        """From a campaign's first row."""
        known: dict[str, Any] = {one.name: facts[one.name] for one in fields(cls) if one.name in facts}
        lists: dict[str, Any] = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
        return cls(**(known | lists))

    def facts(self) -> dict[str, Any]:
        return asdict(self)

    def at_most(self, n: int) -> "Settings":
        """With no more than `n` pictures."""
        return replace(self, n=min(self.n, n))

    @property
    def made(self) -> Preset:
        made = preset(self.preset)
        return made.rehearsed if self.rehearsal else made

    def small(self, usual: int, rehearsed: int) -> int:
        """A number of a table's own, or that of a rehearsal."""
        return rehearsed if self.rehearsal else usual

    @property
    def scene(self) -> Scene:
        return _scene(self.world, self.data, self.checkpoints)


@functools.cache
def _scene(world: str, data: tuple[str, ...], checkpoints: tuple[str, ...]) -> Scene:
    """The scene depends on the names alone of what was brought."""
    return worlds.open(world, Brought(checkpoints=dict.fromkeys(checkpoints, Path()), data={name: {} for name in data})).scene
