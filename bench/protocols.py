"""What a measurement is, and what a table is."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int, UInt8
from torch import Tensor

SIGMAS = (2, 4, 8, 12, 16)  # of 255: the columns of Table 3
OURS = "ours (VTA + DDS)"  # how tables and figures name the method


@dataclass(frozen=True)
class Run:
    """One cell's settings, written whole into every row. `sigma` is nominal, of 255; `graph`: staged sessions or the fused graph."""

    world: str
    backbone: str
    denoiser: str
    session: str
    precision: str
    graph: str
    denoise: str
    rule: str
    sigma: float
    draws: int
    images: int
    explainer: str | None
    seed: int

    def asdict(self) -> dict:
        return asdict(self)

    @property
    def key(self) -> str:
        """A short hash of the settings: rows of one key measure one cell."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Sample:
    """A picture with its class and exact mask: 0 ground, 1 the labelled object, 2 another one, whose class is `other` (-1: there is none)."""

    image: UInt8[np.ndarray, "H W 3"]
    label: int
    mask: UInt8[np.ndarray, "H W"]
    other: int = -1


class Scores(Protocol):
    """A differentiable classifier: pixels in [0, 1] -> scores. `pictures` are the images' numbers; a randomised one draws its noise from them."""

    def __call__(self, images: Float[Tensor, "B C H W"], pictures: Sequence[int]) -> Float[Tensor, "B K"]: ...


class Attack(Protocol):
    """Adversarial pictures of `images`, inside the attack's ball and inside [0, 1]. `pictures` choose each image's random start."""

    def __call__(
        self, images: Float[Tensor, "B C H W"], labels: Int[Tensor, " B"], pictures: Sequence[int]
    ) -> Float[Tensor, "B C H W"]: ...


@dataclass(frozen=True)
class Rendered:
    """A table as text, as a summary that fits a terminal, and as records for programs."""

    markdown: str
    summary: str
    cells: list[dict]


@dataclass(frozen=True)
class Table:
    """`render(rows)` makes the table from rows alone; `measure(options)` makes the rows."""

    number: int
    title: str
    measure: Callable
    render: Callable[[list[dict]], Rendered]

    @property
    def rows(self) -> int:
        """Whose campaign its rows are in."""
        return self.number
