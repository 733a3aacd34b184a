"""What attacks, metrics and data sets are given and give back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from jaxtyping import Float, Int, UInt8
from torch import Tensor

SIGMAS = (2, 4, 8, 12, 16)  # of 255: the columns of Table 3
OURS = "ours (VTA + DDS)"  # how tables and figures name the method
T = TypeVar("T")


@dataclass(frozen=True)
class Table:
    """A table that is not made of trials: its study measures and shows it."""

    name: str
    title: str


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
class MetricInput:
    """What a metric of maps may look at: pictures as they were shown, their labels, and one explainer's `maps` of them.

    `masks`: 1 the object, 0 around it, -1 ignored; `twin`: the same explainer's maps of the clean pictures, which are `clean`. `classify` and
    `defend`: labels of the undefended classifier and of the trial's own defence, whose noise the pictures' `numbers` choose. What a metric
    does not name in its NEEDS may be missing.
    """

    images: Float[Tensor, "B C H W"]
    labels: Int[Tensor, " B"]
    maps: Float[Tensor, "B G1 G2"]
    masks: Int[Tensor, "B H W"] | None = None
    twin: Float[Tensor, "B G1 G2"] | None = None
    classify: Callable[[Tensor, Sequence[int]], Tensor] | None = None
    clean: Float[Tensor, "B C H W"] | None = None
    defend: Callable[[Tensor, Sequence[int]], Tensor] | None = None
    numbers: Sequence[int] = ()
    memo: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What several metrics share, computed by the first."""
        if name not in self.memo:
            self.memo[name] = make()
        return self.memo[name]


class Metric(Protocol):
    """One file in `bench/metrics`. `score` gives D numbers per picture; `total` makes the metric from their mean over pictures.

    NEEDS: names of `MetricInput`'s fields that must be there. SHOWN: the column's title. `total` takes many such means at once, along the
    last axis (`means[..., 0]`); NaN where no picture has the metric, infinity where it has no bound. Further parameters with defaults are
    its options, NAME:OPTION=VALUE; CHOICES: the values of some.
    """

    NEEDS: tuple[str, ...]
    SHOWN: str
    HIGHER_IS_BETTER: bool

    def score(self, seen: MetricInput) -> Float[np.ndarray, "B D"]: ...

    def total(self, means: Float[np.ndarray, "*S D"]) -> Float[np.ndarray, "*S"]: ...
