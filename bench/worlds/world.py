"""A world: pictures and networks that belong together, built when they are asked for.

Everything that depends on which world it is, is the world's own answer: nothing else branches on a world's name, so a third world is one file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jaxtyping import Float, Int
from torch import Tensor

from runtime import plugins
from runtime.diffusion.networks import DenoiserNetwork
from runtime.protocols import Backbone

PACKAGE = "bench.worlds"


@dataclass(frozen=True)
class Brought:
    """What the user brought; the world has its own of whatever is None or not named.

    `checkpoints`: file by backbone; `data`: a data set's options by its name; `pictures`: a picture or a folder, for timing and calibration.
    `crop`: how pictures are cut, by name. `rehearsal`: random weights may answer, which measures time and nothing else.
    """

    backbone: str | None = None
    checkpoints: Mapping[str, Path] = field(default_factory=dict)
    classes: Path | None = None
    denoiser_weights: Path | None = None
    head_channels: int = 64
    pictures: Path | None = None
    data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    crop: str = "timm"
    rehearsal: bool = False


@dataclass(frozen=True)
class Pictures:
    """`numbers` choose each picture's noise and attack start; `labels` index the network's classes.

    `masks`: 1 the object, 0 around it, -1 ignored; `others` (B, S, S): 1 a second object, of class `other_labels` (-1: there is none).
    `left_out`: name and reason of pictures that could not be used.
    """

    numbers: list[int]
    images: Float[Tensor, "B 3 S S"]
    labels: Int[Tensor, " B"]
    masks: Int[Tensor, "B S S"] | None = None
    others: Int[Tensor, "B S S"] | None = None
    other_labels: Int[Tensor, " B"] | None = None
    left_out: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Scene:
    """Which of a world's backbones and tasks stand in the rows and columns of the paper's tables.

    `backbones`: shown name -> name. `tasks` have masks, `labelled` have labels. A table of one network takes the first backbone and `task`.
    `printed`: the paper's data set whose cells stand beside a task's.
    """

    backbones: Mapping[str, str]
    tasks: tuple[str, ...]
    task: str
    labelled: tuple[str, ...]
    about: str
    printed: Mapping[str, str] = field(default_factory=dict)

    @property
    def main(self) -> str:
        return next(iter(self.backbones.values()))


class World(Protocol):
    """`chunk`: pictures answered together, which a kill may cost; `keep`: backbones that fit into memory together; `noise`: its own, in pixels.

    `grid`: side of the denoiser's pictures.
    """

    name: str
    chunk: int
    keep: int
    noise: float
    grid: int
    parity_batches: tuple[int, ...]
    calibration_batch: int
    measures_layers: bool  # int8: which layers stay float is measured one layer at a time

    @property
    def denoises(self) -> bool:
        """Whether its denoiser is trained."""
        ...

    @property
    def scene(self) -> Scene: ...

    def backbone(self, name: str | None = None) -> Backbone:
        """The backbone `name`, or the one brought, or the world's first; random weights where no file was brought and none ships."""
        ...

    def denoiser(self) -> DenoiserNetwork: ...

    def require(self, backbone: str) -> None:
        """NotHere where a result with these networks would mean nothing: weights are random that the user has to bring."""
        ...

    def size(self, task: str, split: str, backbone: Backbone) -> int:
        """How many pictures there are."""
        ...

    def pictures(self, task: str, split: str, numbers: Sequence[int], backbone: Backbone) -> Pictures:
        """Pictures at the backbone's size, those of `numbers` that can be used."""
        ...

    def samples(self, count: int, backbone: Backbone) -> tuple[Float[Tensor, "N 3 S S"], str]:
        """Pictures to time with, and what they are."""
        ...

    def calibration(self, first: int, count: int, backbone: Backbone) -> tuple[Float[Tensor, "N 3 S S"], str]:
        """Pictures that no test looks at, from number `first` on, and what they are; FvitError where there are too few."""
        ...

    def calibration_size(self) -> tuple[int, int]:
        """Pictures to calibrate int8 on, and others to check it with."""
        ...

    def slow_on(self, device: str) -> bool:
        """Whether one denoiser call takes seconds there."""
        ...

    def facts(self) -> dict[str, str]:
        """Names and hashes of weights and of what the user brought: what a campaign may not mix."""
        ...

    def notes(self) -> list[str]:
        """What a page has to say of the data."""
        ...


def names() -> list[str]:
    return plugins.names(PACKAGE)


def open(name: str, brought: Brought = Brought()) -> World:
    """The world `name`; an unknown name is refused with the nearest."""
    return plugins.load(PACKAGE, name).open(brought)
