"""What a measurement is, and what a table is."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

SIGMAS = (2, 4, 8, 12, 16)  # of 255: the columns of Table 3


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
