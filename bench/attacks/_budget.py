"""How far an attack may go and by what steps, and the geometry of its ball. Everything is in [0, 1] pixels.

l_inf  |x' - x|_inf <= eps, steps along sign(g)         l2  |x' - x|_2 <= eps, steps along g / |g|_2
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from runtime.errors import FvitError
from runtime.noise import DrawNoise
from runtime.plugins import known

# Draw numbers of an attack's own streams. smooth() counts its draws from 0, and a stream is 2^192 blocks away from the next draw's: even
# where the attack and the defence have one seed, the attacker never reads the noise that the defence will add.
START, FRESH, SQUARE, GAUSSIAN = 2**63, 2**62, 2**61, 2**60

SMALL = "small"  # the step rule of a rehearsal
# Step rules: eps -> (length of a step, steps). The first three are printed in the paper; ours are for balls around certified pictures, and the
# fewest steps that run an attack's whole code.
RULES = {
    "2/255": lambda eps: (2 / 255, 10),
    "rho/5": lambda eps: (eps / 5, 10),
    "rho/125": lambda eps: (eps / 125, 250),
    "rho/4": lambda eps: (eps / 4, 10),
    SMALL: lambda eps: (eps / 2, 2),
}


@dataclass(frozen=True)
class Budget:
    """`norm` linf or l2, radius `eps`, `steps` steps of length `step`. `seed` chooses the random starts and the attacker's own noise."""

    norm: str
    eps: float
    step: float
    steps: int
    random_start: bool
    seed: int

    def __post_init__(self):
        known(self.norm, NORMS, "norm")
        for name, value in (("eps", self.eps), ("step", self.step)):
            if not (math.isfinite(value) and value > 0):
                raise FvitError(f"attack with {name} = {value}; a finite number above 0 is expected, in [0, 1] pixels (8/255 = 0.0314)")
        if self.steps < 1:
            raise FvitError(f"attack with {self.steps} steps; 1 or more are expected")

    def start(self, images: Float[Tensor, "B C H W"], pictures: Sequence[int]) -> Float[Tensor, "B C H W"]:
        """Where each picture's ascent begins: itself, or a point uniform in its ball (clipped to [0, 1]), the same in any batch."""
        if not self.random_start:
            return images.clone()
        noise = DrawNoise(self.seed, pictures, [START] * len(pictures))
        offset = NORMS[self.norm].uniform(noise, torch.empty(images.shape))  # made on the CPU: one start on every device
        return (images + self.eps * offset.to(images.device)).clamp(0.0, 1.0)

    def move(self, found: Tensor, gradient: Tensor, images: Tensor) -> Float[Tensor, "B C H W"]:
        """One step from `found` along `gradient`, back into the ball around `images`, then into [0, 1] (that cannot leave the ball)."""
        return self.inside(found + self.step * NORMS[self.norm].direction(gradient), images)

    def inside(self, pixels: Tensor, images: Tensor) -> Float[Tensor, "B C H W"]:
        """`pixels` projected onto the ball around `images`, then into [0, 1]."""
        return (images + NORMS[self.norm].project(pixels - images, self.eps)).clamp(0.0, 1.0)


def paper(norm: str, eps: float, rule: str, seed: int) -> Budget:
    """The paper's printed step rules, `eps` its rho: 2/255 (10 steps of 2/255), rho/5 (10 of eps/5), rho/125 (250 of eps/125); random start."""
    step, steps = RULES[known(rule, RULES, "step rule")](eps)
    return Budget(norm, eps, step, steps, random_start=True, seed=seed)


@dataclass(frozen=True)
class Norm:
    """`direction(gradient)`: the unit step of steepest ascent; `project(offset, eps)`: onto the ball; `uniform(noise, like)`: in the unit ball."""

    direction: Callable[[Tensor], Tensor]
    project: Callable[[Tensor, float], Tensor]
    uniform: Callable[[DrawNoise, Tensor], Tensor]


def _clamp(offset: Tensor, eps: float) -> Tensor:
    return offset.clamp(-eps, eps)


def _uniform_cube(noise: DrawNoise, like: Tensor) -> Tensor:
    """The first of three normal numbers over their norm is uniform in [-1, 1] (Archimedes), pixel by pixel."""
    first, second, third = (noise.normal(like) for _ in range(3))
    return first / (first * first + second * second + third * third).sqrt()


def _normalised(gradient: Tensor) -> Tensor:
    """g / |g|_2, 0 where g is 0. Scaled by its largest entry first: the squares of a confident classifier's gradient underflow."""
    tiny = torch.finfo(gradient.dtype).tiny
    scaled = gradient / gradient.abs().amax((1, 2, 3), keepdim=True).clamp_min(tiny)
    return scaled / _length(scaled).clamp_min(tiny)


def _shrink(offset: Tensor, eps: float) -> Tensor:
    return offset * (eps / _length(offset).clamp_min(torch.finfo(offset.dtype).tiny)).clamp_max(1.0)


def _uniform_ball(noise: DrawNoise, like: Tensor) -> Tensor:
    """The first d of d + 2 normal numbers over their norm are uniform in the d-ball (Voelker et al. 2017).

    Row by row and in NumPy, whose sum does not change with the batch or the number of threads.
    """
    inside, rest = noise.normal(like), noise.normal(torch.empty(len(like), 1, 1, 2))
    squares = [sum(np.square(part.numpy(), dtype=np.float64).sum() for part in pair) for pair in zip(inside, rest, strict=True)]
    return torch.stack([row / math.sqrt(square) for row, square in zip(inside, squares, strict=True)])


def _length(offset: Tensor) -> Tensor:
    return torch.linalg.vector_norm(offset, dim=(1, 2, 3), keepdim=True)


NORMS = {"linf": Norm(torch.sign, _clamp, _uniform_cube), "l2": Norm(_normalised, _shrink, _uniform_ball)}
