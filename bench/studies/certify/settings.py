"""What a campaign of certificates is asked, read from its first row as well, and the numbers that all of them share."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from runtime.certificates.certify import Claim
from runtime.certificates.faithful import Definition

FACTORS, VOTES = (1.0, 1.5, 2.0), 100  # attacks within and beyond a radius: times the radius, fresh draws afterwards
TARGETS = {"label": "eot_pgd", "map": "topk_dds"}  # what is attacked, and the attack through the defence that does it
SPLIT = "test"
CHECK = "check"  # the name of the campaigns that try Definition 4.2


@dataclass(frozen=True)
class CertifySettings:
    """`sigma`: nominal noise in pixels. `draws`: per picture, with `radius` at most so many.

    `radius`: what adaptive draws ask for, in units of the real noise; None: a fixed number of draws. `attacked`: so many pictures for each
    radius of RADII that is attacked. `bound`: of the mean map (`runtime.certificates.maps`); rows from before it had a name are `renyi`'s.
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
    attacked: int = 10
    bound: str = "renyi"

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
    """What the first row says of the networks: real noise `sigma` in pixels, side of the denoiser's `grid`, `cells` (G1, G2) of a map.

    `norm`: the most that a change of a picture is lengthened on its way to the grid.
    """

    sigma: float
    grid: int
    cells: tuple[int, int]
    norm: float = 1.0

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> "Measured":
        first, second = facts["cells"]
        return cls(facts["sigma"], facts["grid"], (first, second), facts.get("norm", 1.0))

    def facts(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def dimension(self) -> int:
        """Pixels times colours of the grid where the noise is added."""
        return 3 * self.grid * self.grid

    @property
    def tokens(self) -> int:
        return self.cells[0] * self.cells[1]


@dataclass(frozen=True)
class Ball:
    """Where a picture is attacked: within `factor` times its `radius` (printed, sound, label, or one that was given), and which `target`."""

    radius: str
    target: str
    factor: float = 1.0

    def __str__(self) -> str:
        return f"{self.target} within {self.factor:g} of the {self.radius} radius"


def balls(adaptive: bool) -> list[Ball]:
    """All that are attacked: label and map by Algorithm 2's radius and by the sound one, the label by its own; adaptive draws have the sound one."""
    pairs = [("printed", "label"), ("printed", "map"), ("sound", "label"), ("sound", "map"), ("label", "label")]
    return [Ball(radius, target, factor) for radius, target in pairs if radius == "sound" or not adaptive for factor in FACTORS]


CHECKED = tuple(Ball("given", target) for target in TARGETS)


@dataclass(frozen=True)
class CheckSettings:
    """`radius`: of the l2 ball, in units of the real noise. `draws`: at each picture, and again after each attack. `alpha`: chance of a wrong
    bound, all bounds of one picture together."""

    world: str = "embedded"
    backbone: str = "vit_embedded"
    task: str = "digits"
    images: int = 10
    sigma: float = 64 / 255
    radius: float = 0.5
    k: int = 8
    beta: float = 0.5
    gamma: float = 0.1
    orders: tuple[float, ...] = (1.5, 2.0, 4.0)
    alpha: float = 0.01
    explainer: str = "vta"
    session: str = "ort"
    selection: int = 20
    draws: int = 300
    seed: int = 0

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> "CheckSettings":
        """From a campaign's first row."""
        own: dict[str, Any] = {field.name: facts[field.name] for field in fields(cls) if field.name in facts}
        own["orders"] = tuple(own["orders"])
        return cls(**own)

    def facts(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def definition(self) -> Definition:
        """What is asked; numbers that it cannot have are refused."""
        return Definition(self.k, self.beta, self.gamma, self.orders)

    @property
    def drawn(self) -> CertifySettings:
        """The same draws as `fvit certify` makes with these numbers."""
        return CertifySettings(
            world=self.world, backbone=self.backbone, task=self.task, images=self.images, sigma=self.sigma, alpha=self.alpha, k=self.k,
            beta=self.beta, explainer=self.explainer, session=self.session, selection=self.selection, draws=self.draws, seed=self.seed,
            attacked=self.images,
        )  # fmt: skip


def study(adaptive: bool) -> str:
    """The name of the campaigns: fixed and adaptive draws have a page each."""
    return "certify-adaptive" if adaptive else "certify"


def claim(settings: CertifySettings, sigma: float) -> Claim:
    """What is to be certified under the real noise `sigma`, label and map together."""
    return Claim(sigma, settings.alpha, settings.k, settings.beta)
