"""What Table 3 measures: the settings of one cell and of the whole campaign. A page reads them too, so nothing heavy is imported here."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

STUDY = "draws"
STAGED, FUSED = "staged", "fused"
ONE_SHOT, CHAIN = "one_shot", "chain"
KINDS = {STAGED: ("backbone", "denoiser"), FUSED: ("classify_draws",)}  # the networks that a graph needs


@dataclass(frozen=True)
class Run:
    """One cell's settings, complete in each of its rows. `sigma`: nominal, in pixels; `graph`: two sessions or one exported graph."""

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

    @property
    def key(self) -> str:
        """A short hash of the settings; a row's key is this and the number of its round."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]

    @property
    def total(self) -> int:
        """Draws of one round."""
        return self.draws * self.images

    @property
    def of_255(self) -> float:
        """The nominal sigma in units of 1/255, without the last digits that a row does not keep."""
        return round(255 * self.sigma, 4)

    def __str__(self) -> str:
        return f"{self.session} {self.precision} {self.graph} {self.denoise} {self.rule} {self.of_255:g}/255"


@dataclass(frozen=True)
class DrawSettings:
    """What a campaign measures. `budget`: the most seconds that one round of a chain may take; a longer one is computed, not measured."""

    world: str
    device: str
    sessions: tuple[str, ...]
    precisions: tuple[str, ...] = ("fp32",)
    rules: tuple[str, ...] = ("cumulative", "per-step")
    denoise: tuple[str, ...] = (ONE_SHOT, CHAIN)
    draws: int = 10
    images: int = 1
    rounds: int = 6
    chain_rounds: int = 2
    budget: float = 4.0
    seed: int = 0

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> "DrawSettings":
        """From a campaign's first row."""
        known: dict[str, Any] = {field.name: facts[field.name] for field in fields(cls)}
        lists: dict[str, Any] = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
        return cls(**(known | lists))

    def rounds_of(self, run: Run) -> int:
        return self.chain_rounds if run.denoise == CHAIN else self.rounds


@dataclass(frozen=True)
class DrawSubject:
    """What a failed row is about: a network that was loaded, a cold start, or a round of a run with its step, real noise and calls per draw."""

    what: Literal["network", "cold start", "round"]
    session: str
    precision: str
    network: str = ""
    run: dict[str, Any] | None = None
    t: int = 0
    sigma: float = 0.0
    calls: int = 0
