"""Fuses the maps of a picture's draws into one. Each fuse keeps sums, not the draws (the median keeps every map).

mean             of the l1-normalised maps: w(x) of Algorithm 2, the only one that can be certified; their squares are kept for its bounds
drop_lowest_max  the paper's Appendix G: each map's lowest tenth set to 0, the maximum over the draws, scaled to [0, 1]
top_share        the share of draws in which a cell is among the top quarter of its map: what per-cell certificates count
median           cell by cell; it keeps every map (not the pictures), so the number of draws is limited
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from runtime.errors import FvitError

DROPPED = 0.1
TOP = 0.25
MOST = 1000  # draws of a median


@dataclass(frozen=True)
class Fused:
    """`maps` of `draws` draws per picture; `empty`: how many of them had no relevance.

    `squares`: the mean of the squared cells (mean only); `hits`: in how many draws a cell was among the top (top_share only).
    """

    maps: Float[Tensor, "B G1 G2"]
    fuse: str
    draws: int
    squares: Float[Tensor, "B G1 G2"] | None
    empty: Int[Tensor, " B"]
    hits: Int[Tensor, "B G1 G2"] | None = None


def merged(first: Fused | None, second: Fused) -> Fused:
    """The fused map of the draws of both; for mean and top_share only."""
    if first is None:
        return second
    if (first.fuse, second.fuse) not in {("mean", "mean"), ("top_share", "top_share")}:
        raise FvitError(f"maps fused by {first.fuse} and {second.fuse} given; two means or two shares are expected")
    draws = first.draws + second.draws
    weights = first.draws / draws, second.draws / draws
    maps = weights[0] * first.maps + weights[1] * second.maps
    both = first.squares is not None and second.squares is not None
    squares = weights[0] * first.squares + weights[1] * second.squares if both else None  # type: ignore[operator]
    hits = first.hits + second.hits if first.hits is not None and second.hits is not None else None
    return Fused(maps, first.fuse, draws, squares, first.empty + second.empty, hits)


def normalised(maps: Float[Tensor, "B G1 G2"]) -> tuple[Tensor, Tensor]:
    """Distributions over the grid: negative relevance left out, divided by the sum; and which maps (B,) had none left and became uniform."""
    maps = maps.clamp_min(0.0)
    total = maps.sum((1, 2), keepdim=True)
    empty = total <= 0
    scaled = torch.where(empty, 1.0 / maps[0].numel(), maps / total.clamp_min(torch.finfo(maps.dtype).tiny))
    return scaled, empty.flatten()


def capped(maps: Float[Tensor, "B G1 G2"], cap: float | None) -> Float[Tensor, "B G1 G2"]:
    """Distributions whose cells were cut at `cap`, what was cut spread evenly: no cell holds more than `cap` + (1 - `cap`) / T of T."""
    if cap is None:
        return maps
    cut = maps.clamp_max(cap)
    return cut + (1.0 - cut.sum((1, 2), keepdim=True)) / maps[0].numel()


class Result(NamedTuple):
    """What a fuse makes of all draws: see Fused."""

    maps: Float[Tensor, "B G1 G2"]
    squares: Float[Tensor, "B G1 G2"] | None = None
    hits: Int[Tensor, "B G1 G2"] | None = None


class Mean:
    def __init__(self, images: int):
        self.images, self.sums, self.squares = images, torch.empty(0), torch.empty(0)

    def add(self, owners: Tensor, maps: Tensor) -> None:
        if not len(self.sums):
            self.sums, self.squares = (maps.new_zeros(self.images, *maps.shape[1:], dtype=torch.float64) for _ in range(2))
        self.sums.index_add_(0, owners, maps.double())
        self.squares.index_add_(0, owners, maps.double() ** 2)

    def result(self, draws: int) -> Result:
        return Result(self.sums / draws, self.squares / draws)


class DropLowestMax:
    def __init__(self, images: int):
        self.images, self.most = images, torch.empty(0)

    def add(self, owners: Tensor, maps: Tensor) -> None:
        if not len(self.most):
            self.most = maps.new_zeros(self.images, *maps.shape[1:])
        flat = maps.flatten(1)
        lowest = flat.topk(int(flat.shape[1] * DROPPED), 1, largest=False).indices
        cut = flat.scatter(1, lowest, 0.0).reshape(maps.shape)
        self.most.scatter_reduce_(0, owners[:, None, None].expand_as(cut), cut, "amax")

    def result(self, draws: int) -> Result:
        low, high = (self.most.flatten(1).amin(1), self.most.flatten(1).amax(1))
        span = (high - low).clamp_min(torch.finfo(self.most.dtype).tiny)
        return Result((self.most - low[:, None, None]) / span[:, None, None])


class TopShare:
    def __init__(self, images: int):
        self.images, self.hits = images, torch.empty(0)

    def add(self, owners: Tensor, maps: Tensor) -> None:
        if not len(self.hits):
            self.hits = maps.new_zeros(self.images, *maps.shape[1:], dtype=torch.float64)
        flat = maps.flatten(1)
        inside = flat.topk(max(1, round(flat.shape[1] * TOP)), 1).indices
        self.hits.index_add_(0, owners, torch.zeros_like(flat, dtype=torch.float64).scatter_(1, inside, 1.0).reshape(maps.shape))

    def result(self, draws: int) -> Result:
        return Result(self.hits / draws, hits=self.hits.long())


class Median:
    def __init__(self, images: int):
        self.kept: list[list[Tensor]] = [[] for _ in range(images)]

    def add(self, owners: Tensor, maps: Tensor) -> None:
        for owner, one in zip(owners.tolist(), maps, strict=True):
            self.kept[owner].append(one)
            if len(self.kept[owner]) > MOST:
                raise FvitError(f"a median keeps all maps, of at most {MOST} draws; the mean takes any number", needs="mean")

    def result(self, draws: int) -> Result:
        return Result(torch.stack([torch.stack(maps).quantile(0.5, 0) for maps in self.kept]))


FUSES = {"mean": Mean, "drop_lowest_max": DropLowestMax, "top_share": TopShare, "median": Median}
