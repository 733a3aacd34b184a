"""What a campaign of certificates is asked, read from its first row as well, and the numbers that all of them share."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from runtime.certificates.certify import Claim

CAP = 8.0  # a cell of one draw's map holds at most so many times its even share
FACTORS, VOTES, ATTACKED = (1.5, 2.0), 100, 20  # attacks beyond the radius: times the radius, draws of the vote, pictures
SPLIT = "test"


@dataclass(frozen=True)
class CertifySettings:
    """`sigma`: nominal noise in pixels. `draws`: per picture, with `radius` at most so many.

    `radius`: what adaptive draws ask for, in units of the real noise; None: a fixed number of draws.
    """

    world: str = "embedded"
    backbone: str = "vit_embedded"
    task: str = "digits"
    images: int = 100
    sigma: float = 64 / 255
    alpha: float = 0.001
    k: int = 8
    beta: float = 0.5
    explainer: str = "vta"
    session: str = "ort"
    selection: int = 20
    draws: int = 500
    radius: float | None = None
    seed: int = 0

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> "CertifySettings":
        """From a campaign's first row."""
        return cls(**{field.name: facts[field.name] for field in fields(cls) if field.name in facts})

    def facts(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def adaptive(self) -> bool:
        return self.radius is not None


@dataclass(frozen=True)
class Measured:
    """What the first row says of the networks: real noise `sigma` in pixels, side of the denoiser's `grid`, `cells` (G1, G2) of a map."""

    sigma: float
    grid: int
    cells: tuple[int, int]

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> "Measured":
        first, second = facts["cells"]
        return cls(facts["sigma"], facts["grid"], (first, second))

    def facts(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def dimension(self) -> int:
        """Pixels times colours of the grid where the noise is added."""
        return 3 * self.grid * self.grid

    @property
    def tokens(self) -> int:
        return self.cells[0] * self.cells[1]


def study(adaptive: bool) -> str:
    """The name of the campaigns: fixed and adaptive draws have a page each."""
    return "certify-adaptive" if adaptive else "certify"


def claim(settings: CertifySettings, sigma: float) -> Claim:
    """What is to be certified under the real noise `sigma`, label and map together."""
    return Claim(sigma, settings.alpha, settings.k, settings.beta)


def cap(tokens: int) -> float:
    """The most that a cell of one draw's map may hold before what is cut off is spread evenly."""
    return min(1.0, CAP / tokens)


def span(tokens: int) -> float:
    """The most that a cell holds afterwards."""
    return cap(tokens) + (1.0 - cap(tokens)) / tokens
