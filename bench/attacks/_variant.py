"""An attack under another name: with other steps, or through the defence."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

SAMPLES = 8  # draws whose gradients an adaptive attack averages in a step


@dataclass(frozen=True)
class Variant:
    """`steps` in place of the step rule's.

    `through` the defence: gradients are averaged over `samples` draws, the same at every step where `fixed`. `known`: the attacker has the
    defence's seed, and they are the defence's own draws, all of them.
    """

    steps: int | None = None
    through: bool = False
    samples: int = SAMPLES
    fixed: bool = False
    known: bool = False


@dataclass(frozen=True)
class Outcome:
    """Adversarial `images`; `by`: what fooled each picture; `blind`: the loss had no gradient there."""

    images: Float[Tensor, "B C H W"]
    by: tuple[str, ...]
    blind: Bool[Tensor, " B"]
