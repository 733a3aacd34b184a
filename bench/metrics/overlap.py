"""How alike two maps of one picture are: the clean picture's and the attacked one's, say.

    V_k = |top-k(a) and top-k(b)| / k,    shared = 1 - |a / |a|_1 - b / |b|_1|_1 / 2,    cosine = <a, b> / (|a|_2 |b|_2)
    S_Faith = 1 / mean |a' - b'|,   a' = (a - min a) / (max a - min a)

V_k (Definition 4.1) ranks the cells as they are. The relevance that both maps share, in [0, 1], is one less their total variation distance;
it and the cosine leave negative relevance out, and a map with none left counts as uniform. S_Faith is the score of the caption of Table 5,
"reciprocal to the average of the absolute difference"; the paper does not say how pictures are averaged, so there are two: one over the mean
difference, and the mean of each picture's reciprocal over the pictures whose maps differ. It is infinite where the maps are equal.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from bench.metrics._checks import check_maps
from bench.metrics.segmentation import rate, relevance
from runtime.errors import FvitError
from runtime.fuse import normalised

AVERAGES = ("difference", "reciprocal")  # S_Faith: 1 / mean of d, mean of 1 / d


def topk(a: Float[Tensor, "B G1 G2"], b: Float[Tensor, "B G1 G2"], k: int) -> Float[Tensor, " B"]:
    """V_k. Cells of equal relevance rank in reading order, whatever the machine."""
    _check_pair(a, b)
    if not 1 <= k <= a[0].numel():
        raise FvitError(f"k {k} given; a whole number from 1 to {a[0].numel()}, the number of cells, is expected")
    return (_top(a, k) & _top(b, k)).sum(1).double() / k


def difference(a: Float[Tensor, "B G1 G2"], b: Float[Tensor, "B G1 G2"]) -> Float[Tensor, " B"]:
    """Mean absolute difference of the maps, each brought to [0, 1]; a constant map is 0.5 everywhere."""
    _check_pair(a, b)
    size = (a.shape[1], a.shape[2])
    return (relevance(a, size).double() - relevance(b, size).double()).abs().mean((1, 2))


def reciprocals(differences: Float[Tensor, " B"]) -> Float[ndarray, "B 3"]:
    """What S_Faith is made of: each picture's difference d, 1 / d (0 where d is 0), and whether d is not 0."""
    d = differences.numpy()
    return np.stack([d, np.divide(1.0, d, out=np.zeros_like(d), where=d > 0), d > 0], axis=1)


def s_faith(means: Float[ndarray, "*S 3"], average: str) -> Float[ndarray, "*S"]:
    """S_Faith from the means of `reciprocals` over pictures, by one of AVERAGES; infinite where no map differs."""
    if average == "difference":
        return rate(np.ones_like(means[..., 0]), means[..., 0], nothing=math.inf)
    return rate(means[..., 1], means[..., 2], nothing=math.inf)


def shared_relevance(a: Float[Tensor, "B G1 G2"], b: Float[Tensor, "B G1 G2"]) -> Float[Tensor, " B"]:
    """The share of relevance that both maps put on the same cells."""
    first, second = _distributions(a, b)
    return (1 - (first - second).abs().sum(1) / 2).clamp_min(0.0)


def cosine(a: Float[Tensor, "B G1 G2"], b: Float[Tensor, "B G1 G2"]) -> Float[Tensor, " B"]:
    """In [0, 1], as no relevance is negative here."""
    return F.cosine_similarity(*_distributions(a, b), dim=1)


def _top(maps: Tensor, k: int) -> Bool[Tensor, "B T"]:
    cells = maps.flatten(1)
    first = cells.argsort(dim=1, descending=True, stable=True)[:, :k]
    return torch.zeros_like(cells, dtype=torch.bool).scatter_(1, first, True)


def _distributions(a: Tensor, b: Tensor) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"]]:
    _check_pair(a, b)
    return normalised(a.double())[0].flatten(1), normalised(b.double())[0].flatten(1)


def _check_pair(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise FvitError(f"maps {tuple(a.shape)} and {tuple(b.shape)} given; two maps on one grid are expected for each picture")
    check_maps(a, len(b))
    check_maps(b, len(a))
