"""The types that the parts agree on.

B images  N draws  C channels  H W pixels  K classes  L layers  A heads  T tokens  G1 G2 the explainer's own grid
"""

from dataclasses import dataclass
from typing import Any, Protocol

from jaxtyping import Float, Int
from torch import Tensor, nn

from runtime.network import Weights
from runtime.pictures import Crop


class Noise(Protocol):
    """Standard normal noise of the draws in one batch, the next block at each call."""

    def normal(self, like: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]: ...


class Session(Protocol):
    """A loaded network; an nn.Module already is one. Float32 in and out whatever it computes in, on the inputs' device.

    The result is the caller's to keep; it is a tuple where the network has several outputs.
    """

    def __call__(self, *inputs: Tensor) -> Any: ...


class Denoiser(Protocol):
    """Pixels in [0, 1] with noise of standard deviation `sigma` in the same units -> pixels. `noise` feeds the random steps."""

    def __call__(self, noisy: Float[Tensor, "N C H W"], sigma: float, noise: Noise) -> Float[Tensor, "N C H W"]: ...


class Explainer(Protocol):
    """Relevance of each cell of the explainer's grid for the given class of each image."""

    def __call__(self, images: Float[Tensor, "B C H W"], classes: Int[Tensor, " B"]) -> Float[Tensor, "B G1 G2"]: ...


@dataclass(frozen=True)
class Backbone:
    """A classifier. `model` takes [0, 1] pixels (N, 3, size, size) and gives scores (N, K); `grid` is its patches.

    `crop`: how pictures are cut for it where it was published, None where nothing says so.
    """

    name: str
    model: nn.Module
    size: int
    grid: tuple[int, int]
    prefix_tokens: int
    classes: tuple[str, ...]
    weights: Weights
    crop: Crop | None = None
