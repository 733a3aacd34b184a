"""Fuses the maps of a picture's draws into one. Each fuse keeps sums, not the draws (the median keeps every map).

mean             of the l1-normalised maps: w(x) of Algorithm 2; their squares are kept for its bounds
capped_mean      the same of maps whose cells were cut at 8 times their even share, the rest spread evenly: what is certified
vote             the share of draws in which a cell is among the k largest of its own map; equal shares in the order of the mean
median           cell by cell; it keeps every map (not the pictures), so the number of draws is limited
top_share        the share of draws in which a cell is among the top quarter of its map: what per-cell certificates count
drop_lowest_max  the paper's Appendix G: each map's lowest tenth set to 0, the maximum over the draws, scaled to [0, 1]

capped_mean and median also count in how many draws a cell was above each of fixed levels, which their certificates are made from.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from runtime import plugins
from runtime.errors import FvitError
from runtime.names import FUSES as NAMES

DROPPED = 0.1
TOP = 0.25
MOST = 1000  # draws of a median
CAP, LEVELS, LOWEST = 8.0, 24, 0.2  # of capped_mean: the cap and the lowest level in even shares, and the number of levels
MEDIAN_LEVELS, MEDIAN_LOWEST = 48, 0.1
BELOW = 0.999  # of the largest value of a cell: the highest level


def cap(tokens: int) -> float:
    """The most that a cell of one draw's map of `tokens` cells may hold before what is cut off is spread evenly."""
    return min(1.0, CAP / tokens)


def span(tokens: int) -> float:
    """The most that a cell holds afterwards."""
    return cap(tokens) + (1.0 - cap(tokens)) / tokens


@functools.cache
def levels(fuse: str, tokens: int) -> tuple[float, ...]:
    """The levels of `capped_mean` or `median`, in equal ratios up to just below the largest value of a cell; they depend on nothing drawn."""
    count, lowest, highest = (LEVELS, LOWEST, span(tokens)) if fuse == "capped_mean" else (MEDIAN_LEVELS, MEDIAN_LOWEST, 1.0)
    first, ratio = lowest / tokens, (BELOW * highest * tokens / lowest) ** (1 / (count - 1))
    return tuple(first * ratio**i for i in range(count))


@dataclass(frozen=True)
class Fused:
    """`maps` of `draws` draws per picture; `empty`: how many of them had no relevance.

    `squares`: the mean of the squared cells (means only); `hits`: in how many draws a cell was among the top (vote and top_share only);
    `exceeded`: in how many draws it was above each of `levels` (capped_mean and median only).
    """

    maps: Float[Tensor, "B G1 G2"]
    fuse: str
    draws: int
    squares: Float[Tensor, "B G1 G2"] | None
    empty: Int[Tensor, " B"]
    hits: Int[Tensor, "B G1 G2"] | None = None
    exceeded: Int[Tensor, "B M G1 G2"] | None = None


def merged(first: Fused | None, second: Fused) -> Fused:
    """The fused map of the draws of both, for fuses that are means over draws; of a vote's equal shares the order is lost."""
    if first is None:
        return second
    if first.fuse != second.fuse or first.fuse.partition(":")[0] not in MEANS:
        raise FvitError(f"maps fused by {first.fuse} and {second.fuse} given; two of one fuse are expected, of {', '.join(MEANS)}")
    draws = first.draws + second.draws

    def mean(a: Tensor | None, b: Tensor | None) -> Tensor | None:
        return None if a is None or b is None else (first.draws * a + second.draws * b) / draws

    def sum_(a: Tensor | None, b: Tensor | None) -> Tensor | None:
        return None if a is None or b is None else a + b

    hits, maps = sum_(first.hits, second.hits), mean(first.maps, second.maps)
    assert maps is not None
    return Fused(
        maps if hits is None else hits.double() / draws, first.fuse, draws, mean(first.squares, second.squares), first.empty + second.empty,
        hits, sum_(first.exceeded, second.exceeded),
    )  # fmt: skip


def normalised(maps: Float[Tensor, "B G1 G2"]) -> tuple[Tensor, Tensor]:
    """Distributions over the grid: negative relevance left out, divided by the sum; and which maps (B,) had none left and became uniform."""
    maps = maps.clamp_min(0.0)
    total = maps.sum((1, 2), keepdim=True)
    empty = total <= 0
    scaled = torch.where(empty, 1.0 / maps[0].numel(), maps / total.clamp_min(torch.finfo(maps.dtype).tiny))
    return scaled, empty.flatten()


def capped(maps: Float[Tensor, "B G1 G2"], most: float) -> Float[Tensor, "B G1 G2"]:
    """Distributions whose cells were cut at `most`, what was cut spread evenly: no cell holds more than `most` + (1 - `most`) / T of T."""
    cut = maps.clamp_max(most)
    return cut + (1.0 - cut.sum((1, 2), keepdim=True)) / maps[0].numel()


class Result(NamedTuple):
    """What a fuse makes of all draws: see Fused."""

    maps: Float[Tensor, "B G1 G2"]
    squares: Float[Tensor, "B G1 G2"] | None = None
    hits: Int[Tensor, "B G1 G2"] | None = None
    exceeded: Int[Tensor, "B M G1 G2"] | None = None


class Fuse(Protocol):
    """`add`: maps (N, G1, G2) that sum to 1, of draws of the pictures `owners` (N,); `result`: of all that was added, `draws` for each picture."""

    def add(self, owners: Tensor, maps: Tensor) -> None: ...

    def result(self, draws: int) -> Result: ...


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


class Exceeded:
    """In how many draws each cell was above each level."""

    def __init__(self, images: int, fuse: str):
        self.images, self.fuse, self.counts = images, fuse, torch.empty(0)

    def add(self, owners: Tensor, maps: Tensor) -> None:
        at = maps.new_tensor(levels(self.fuse, maps[0].numel()))
        above = (maps[:, None] > at[:, None, None]).long()
        if not len(self.counts):
            self.counts = above.new_zeros(self.images, *above.shape[1:])
        self.counts.index_add_(0, owners, above)


class CappedMean(Mean):
    def __init__(self, images: int):
        super().__init__(images)
        self.exceeded = Exceeded(images, "capped_mean")

    def add(self, owners: Tensor, maps: Tensor) -> None:
        maps = capped(maps.double(), cap(maps[0].numel()))
        super().add(owners, maps)
        self.exceeded.add(owners, maps)

    def result(self, draws: int) -> Result:
        return super().result(draws)._replace(exceeded=self.exceeded.counts)


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


class Vote:
    """In one draw equal cells rank in reading order. A share has half a draw's worth of the mean map added, which orders equal shares alone."""

    def __init__(self, images: int, k: int = 8):
        if k < 1:
            raise FvitError(f"vote:k={k} given; one cell or more is expected")
        self.images, self.k, self.hits, self.mean = images, k, torch.empty(0), Mean(images)

    def count(self, cells: int) -> int:
        if self.k >= cells:
            raise FvitError(f"vote:k={self.k} given for maps of {cells} cells; fewer than all are expected")
        return self.k

    def add(self, owners: Tensor, maps: Tensor) -> None:
        flat = maps.flatten(1)
        inside = flat.argsort(dim=1, descending=True, stable=True)[:, : self.count(flat.shape[1])]
        chosen = torch.zeros_like(flat, dtype=torch.int64).scatter_(1, inside, 1).reshape(maps.shape)
        if not len(self.hits):
            self.hits = chosen.new_zeros(self.images, *maps.shape[1:])
        self.hits.index_add_(0, owners, chosen)
        self.mean.add(owners, maps)

    def result(self, draws: int) -> Result:
        return Result((self.hits + self.mean.result(draws).maps / 2) / draws, hits=self.hits)


class TopShare(Vote):
    def __init__(self, images: int):
        super().__init__(images)

    def count(self, cells: int) -> int:
        return max(1, round(cells * TOP))

    def result(self, draws: int) -> Result:
        return Result(self.hits.double() / draws, hits=self.hits)


class Median:
    def __init__(self, images: int):
        self.kept: list[list[Tensor]] = [[] for _ in range(images)]
        self.exceeded = Exceeded(images, "median")

    def add(self, owners: Tensor, maps: Tensor) -> None:
        self.exceeded.add(owners, maps)
        for owner, one in zip(owners.tolist(), maps, strict=True):
            self.kept[owner].append(one)
            if len(self.kept[owner]) > MOST:
                raise FvitError(f"a median keeps all maps, of at most {MOST} draws; the mean takes any number", needs="mean")

    def result(self, draws: int) -> Result:
        return Result(torch.stack([torch.stack(maps).quantile(0.5, 0) for maps in self.kept]), exceeded=self.exceeded.counts)


FUSES: dict[str, Callable[..., Fuse]] = {
    "mean": Mean, "capped_mean": CappedMean, "vote": Vote, "median": Median, "top_share": TopShare, "drop_lowest_max": DropLowestMax,
}  # fmt: skip
MEANS = ("mean", "capped_mean", "vote", "top_share")


def build(spec: str, images: int) -> Fuse:
    """The fuse NAME or NAME:OPTION=VALUE (`vote:k=5`) for so many pictures; an unknown name or option is refused."""
    name, *words = spec.split(":")
    make = FUSES[plugins.known(name, NAMES, "fuse")]
    defaults: dict[str, Any] = {one.name: one.default for one in inspect.signature(make).parameters.values() if one.name != "images"}
    return make(images, **plugins.options(name, words, defaults))
