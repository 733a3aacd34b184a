"""Square attack (Andriushchenko et al. 2020, section 3), l_inf: random search that reads scores alone.

The first query is vertical stripes of +-eps, a sign for each channel and column. Each next one paints a square of side sqrt(p H W) at a random
place with +-eps, a sign for each channel, and is kept where it lowers the margin  z_y - max_{i != y} z_i.  p falls from 0.8 by halves at
10, 50, 200, 500, 1000, 2000, 4000, 6000 and 8000 queries of 10,000, scaled to the queries there are (both as in AutoAttack).
"""

import bisect
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from bench.attacks._ascent import check, scored
from bench.attacks._budget import SQUARE, Budget
from bench.attacks._target import Target
from bench.protocols import Attack, Scores
from runtime.errors import FvitError
from runtime.noise import DrawNoise

P, HALVED = 0.8, (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


def build(target: Target, budget: Budget) -> Attack:
    """`budget.steps` queries a picture, the stripes among them; `step` and `random_start` are not read. l2 is refused."""
    return search("square", target.scores, budget)


def search(name: str, scores: Scores, budget: Budget) -> Attack:
    """The attack `name`: the point of the lowest margin found; a picture that is fooled (margin < 0) is asked about no more."""
    if budget.norm != "linf":
        raise FvitError(f"{name}: a budget in {budget.norm} given; square searches in linf alone; choose linf, or apgd for l2")

    def attack(images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Tensor:
        check(name, images, labels, pictures)
        stripes, squares = _chances(images, budget, pictures)
        found = budget.inside(images + stripes, images)
        margin = margins(name, scores, found, labels, pictures)
        for query in range(1, budget.steps):
            rows = (margin >= 0).nonzero().flatten()
            if not len(rows):
                break
            painted = _painted(found[rows] - images[rows], squares[rows, query], side(query, budget.steps, images), budget.eps)
            tried = budget.inside(images[rows] + painted, images[rows])
            lower = margins(name, scores, tried, labels[rows], [pictures[row] for row in rows.tolist()])
            kept = lower < margin[rows]
            found[rows[kept]], margin[rows[kept]] = tried[kept], lower[kept]
        return found

    return attack


@torch.no_grad()
def margins(name: str, scores: Scores, images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Float[Tensor, " B"]:
    """z_y - max_{i != y} z_i, below 0 where the classifier is wrong; scores that are no numbers are an error, not a success."""
    logits = scored(scores, images, labels, pictures)
    if not torch.isfinite(logits).all():
        blind = [number for number, row in zip(pictures, logits, strict=True) if not torch.isfinite(row).all()]
        raise FvitError(f"{name}: the scores are not finite for pictures {blind}; check the network's weights and precision")
    place = labels.long()[:, None]
    return logits.gather(1, place)[:, 0] - logits.scatter(1, place, -torch.inf).amax(1)


def side(query: int, queries: int, images: Tensor) -> int:
    """The side of the square of one query, in pixels, at least 1 and at most the shorter side of the picture."""
    height, width = images.shape[2:]
    p = P / 2 ** bisect.bisect_left(HALVED, query * 10_000 // queries)
    return min(max(round(math.sqrt(p * height * width)), 1), height, width)


def _chances(images: Tensor, budget: Budget, pictures: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Stripes (B, C, 1, W) of +-eps, and for each query C normal numbers for the signs and two for the place (B, queries, C + 2)."""
    batch, channels, _, width = images.shape
    noise = DrawNoise(budget.seed, pictures, [SQUARE] * len(pictures))
    stripes = noise.normal(torch.empty(batch, channels, 1, width))
    squares = noise.normal(torch.empty(batch, budget.steps, channels + 2))
    return budget.eps * _sign(stripes).to(images), squares.to(images)


def _painted(offset: Tensor, chance: Float[Tensor, "B n"], length: int, eps: float) -> Float[Tensor, "B C H W"]:
    """`offset` with +-eps in one square of side `length`; Phi of a normal number is uniform in [0, 1] and gives its place."""
    channels, height, width = offset.shape[1:]
    place = torch.special.ndtr(chance[:, channels:].double())
    top, left = ((place[:, i] * (room - length + 1)).floor().clamp_max(room - length) for i, room in enumerate((height, width)))
    rows, columns = (torch.arange(room, device=offset.device) for room in (height, width))
    tall = (rows >= top[:, None]) & (rows < top[:, None] + length)
    wide = (columns >= left[:, None]) & (columns < left[:, None] + length)
    inside = tall[:, None, :, None] & wide[:, None, None, :]
    return torch.where(inside, eps * _sign(chance[:, :channels])[:, :, None, None], offset)


def _sign(normal: Tensor) -> Tensor:
    """+1 or -1, never 0."""
    return torch.where(normal >= 0, 1.0, -1.0).to(normal)
