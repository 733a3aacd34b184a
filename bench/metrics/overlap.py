"""How alike two maps of one picture are: the clean picture's and the attacked one's, say. 1 for equal maps.

    V_k = |top-k(a) and top-k(b)| / k,    S = 1 - |a / |a|_1 - b / |b|_1|_1 / 2,    cosine = <a, b> / (|a|_2 |b|_2)

S is the relevance that both maps share, in [0, 1]: one less their total variation distance. The paper names a score S_Faith but what we
have of it does not define it: S is ours, with b the same method's map of the clean picture. S and the cosine leave negative relevance
out, and a map with none left counts as uniform; V_k ranks the cells as they are.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from bench.metrics._checks import check_maps
from runtime.errors import FvitError
from runtime.fuse import normalised


def topk(a: Float[Tensor, "B G1 G2"], b: Float[Tensor, "B G1 G2"], k: int) -> Float[Tensor, " B"]:
    """V_k. Cells of equal relevance rank in reading order, whatever the machine."""
    _check_pair(a, b)
    if not 1 <= k <= a[0].numel():
        raise FvitError(f"the top {k} of {a[0].numel()} cells came; a k from 1 to {a[0].numel()} is wanted")
    return (_top(a, k) & _top(b, k)).sum(1).double() / k


def s_faith(a: Float[Tensor, "B G1 G2"], b: Float[Tensor, "B G1 G2"]) -> Float[Tensor, " B"]:
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
        raise FvitError(f"maps {tuple(a.shape)} and {tuple(b.shape)} came; two maps on one grid are wanted for each picture")
    check_maps(a, len(b))
    check_maps(b, len(a))
