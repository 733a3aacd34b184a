"""Relevance through one operation: that of its output in, that of its inputs out. Tensors only.

`divide` is a / (b + 1e-9), 0 where b is 0; biases take nothing.

linear  z = x+ w+ + x- w-,  R_i = x_i+ sum_j w_ij+ R_j / z_j + x_i- sum_j w_ij- R_j / z_j          (x+ = max(x, 0), x- = min(x, 0))
matmul  both factors share R in proportion to their products, half each: R_a = a (R / z) b^T / 2,  z = a b
add     R_a = a R / (a + b), R_b likewise, each then scaled so that |sum R_a| : |sum R_b| stays and both sum to sum R, in each picture
        by itself (the public code sums over the batch, which mixes pictures)
pixels  z^B rule between each picture's least and largest value

`linear_apart` and `add_apart` are the stricter baseline's: two parts with their own z, so that relevance about doubles; no rescaling.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TINY = 1e-9


def divide(over: Tensor, under: Tensor) -> Tensor:
    """over / (under + 1e-9), 0 where `under` is 0."""
    return (over / (under + TINY)).masked_fill_(under == 0, 0.0)


def linear(x: Tensor, w: Tensor, relevance: Tensor, products: torch.dtype | None = None) -> Tensor:
    """`products`: what its four matrix products are computed in, x's own by default. z adds up terms of one sign, so rounding them is harmless."""
    kind = products or x.dtype
    over, under, up, down = x.clamp_min(0), x.clamp_max(0), w.clamp_min(0).to(kind), w.clamp_max(0).to(kind)
    share = divide(relevance, F.linear(over.to(kind), up).to(x.dtype).add_(F.linear(under.to(kind), down))).to(kind)
    return (share @ up).to(x.dtype).mul_(over).addcmul_((share @ down).to(x.dtype), under)


def linear_apart(x: Tensor, w: Tensor, relevance: Tensor) -> Tensor:
    parts = ((x.clamp_min(0), w.clamp_min(0)), (x.clamp_max(0), w.clamp_max(0)))
    return sum((a * (divide(relevance, F.linear(a, b)) @ b) for a, b in parts), torch.zeros_like(x))


def add(a: Tensor, b: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    shared = add_apart(a, b, relevance)
    whole, (in_a, in_b) = _total(relevance), map(_total, shared)
    both = in_a.abs() + in_b.abs()
    scaled = [part * divide(divide(own.abs(), both) * whole, own) for part, own in zip(shared, (in_a, in_b), strict=True)]
    return scaled[0], scaled[1]


def add_apart(a: Tensor, b: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    share = divide(relevance, a + b)
    return a * share, b * share


def matmul(a: Tensor, b: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Relevance of the factors of a b, half each."""
    share = divide(relevance, a @ b) / 2
    return (share @ b.transpose(-2, -1)).mul_(a), (a.transpose(-2, -1) @ share).mul_(b)


def averaged(tokens: Tensor, relevance: Tensor) -> Tensor:
    """Relevance of tokens (B, T, C) from that of their mean (B, C)."""
    return tokens * (divide(relevance, tokens.mean(1)) / tokens.shape[1])[:, None]


def placed(tokens: Tensor, rows: list[Tensor]) -> Tensor:
    """`rows` (B, C) as the relevance of the first tokens (B, T, C), the others get none."""
    first = tokens[:, : len(rows)]
    return F.pad(first * divide(torch.stack(rows, 1), first), (0, 0, 0, tokens.shape[1] - len(rows)))


def copied(x: Tensor, parts: tuple[Tensor, ...]) -> Tensor:
    """Relevance of x from those of its copies."""
    return sum((divide(part, x) for part in parts[1:]), divide(parts[0], x)).mul_(x)


def pixels(x: Tensor, conv: nn.Conv2d, relevance: Tensor) -> Tensor:
    """The z^B rule (Montavon et al. 2017) for a convolution of patches that do not overlap."""
    stride, w = conv.stride, conv.weight
    low, high = (bound.reshape(-1, 1, 1, 1).expand_as(x) for bound in (x.flatten(1).amin(1), x.flatten(1).amax(1)))
    parts = [(x, w), (-low, w.clamp_min(0)), (-high, w.clamp_max(0))]
    z = torch.stack([F.conv2d(a, b, stride=stride) for a, b in parts]).sum(0) + TINY  # type: ignore[arg-type]
    share = relevance / z
    return torch.stack([a * F.conv_transpose2d(share, b, stride=stride) for a, b in parts]).sum(0)  # type: ignore[arg-type]


def _total(x: Tensor) -> Tensor:
    """Each picture's sum, shaped to be broadcast."""
    return x.flatten(1).sum(1).reshape(-1, *(1,) * (x.ndim - 1))
