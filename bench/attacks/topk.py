"""Top-k attack on an explanation (Ghorbani et al. 2019, Algorithm 1): move relevance out of the cells where the clean map has most of it.

    D(x') = -sum_{c in top k of m(x)} m_c(x') / sum_c |m_c(x')|,   x_{s+1} = clip(x + P(x_s + step d(grad D(x_s)) - x))

The result is the visited point of the highest D that the classifier still gives the clean picture's class. m must have a gradient; networks
with ReLU have none that helps (Ghorbani et al. take softplus), the smooth ones of a ViT do: `rollout` below makes such maps.
"""

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bench.attacks._ascent import check, check_gradient, scored
from bench.attacks._budget import Budget
from bench.attacks._target import Maps, Target, explained
from bench.attacks._variant import Variant
from bench.protocols import Attack
from runtime.errors import FvitError
from runtime.explainers._matrices import residual
from runtime.maps.hooks import recorded
from runtime.maps.layers import roll_back, structure
from runtime.protocols import Backbone

K = 8  # cells, of the 64 that the embedded world has; the V_8 of the tables looks at as many

MAPS = True
VARIANTS = {"topk_dds": Variant(through=True, fixed=True)}


def build(target: Target, budget: Budget, k: int = K) -> Attack:
    """A target without differentiable maps is refused; a picture whose class no visited point keeps comes back as it is."""
    maps = explained("topk", target)

    @torch.no_grad()
    def named(images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Tensor:
        return scored(target.scores, images, labels, pictures).argmax(1)

    def attack(images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Tensor:
        check("topk", images, labels, pictures)
        wanted, top = named(images, labels, pictures), top_cells(_maps(maps, images, pictures).detach(), k)
        best, highest = images.clone(), torch.full((len(images),), -torch.inf, dtype=images.dtype, device=images.device)
        look = partial(_slope, maps, top, pictures)
        found = budget.start(images, pictures)
        for step in range(budget.steps):
            distance, gradient = look(found)
            check_gradient("topk", gradient, step, pictures)
            best, highest = _better((best, highest), (found, distance), named(found, labels, pictures) == wanted)
            found = budget.move(found, gradient, images)
        return _better((best, highest), (found, look(found)[0]), named(found, labels, pictures) == wanted)[0]

    return attack


def rollout(backbone: Backbone) -> Maps:
    """The maps of `runtime/explainers/rollout.py` by its defaults, with the gradient that its forward pass does not keep."""
    body = structure(backbone)
    drops = [layer.attention.get_submodule("attn_drop") for layer in body.layers]

    def relevance(images: Tensor, pictures: Sequence[int]) -> Float[Tensor, "B G1 G2"]:
        with recorded(backbone.model, drops) as record:
            backbone.model(images)
        return roll_back(body, [residual(record.outputs[drop].mean(1), "rows") for drop in drops])

    return relevance


def top_cells(relevance: Float[Tensor, "B G1 G2"], k: int) -> Bool[Tensor, "B G1 G2"]:
    """The `k` cells of the most relevance, equal ones in reading order as in `bench/metrics/overlap.py`."""
    flat = relevance.flatten(1)
    if not 1 <= k < flat.shape[1]:
        raise FvitError(
            f"topk: k {k} given; a whole number from 1 to {flat.shape[1] - 1}, below the number of cells, is expected, {K} by default"
        )
    chosen = flat.argsort(dim=1, descending=True, stable=True)[:, :k]
    return torch.zeros_like(flat, dtype=torch.bool).scatter(1, chosen, True).reshape(relevance.shape)


def _slope(maps: Maps, top: Tensor, pictures: Sequence[int], images: Tensor) -> tuple[Float[Tensor, " B"], Float[Tensor, "B C H W"]]:
    """D and its gradient, each picture's its own."""
    x = images.detach().requires_grad_()
    with torch.enable_grad():
        relevance = _maps(maps, x, pictures)
        if not relevance.requires_grad:
            raise FvitError("topk: the maps carry no gradient back to the pictures; give maps made outside of no_grad and inference_mode")
        whole = relevance.abs().sum((1, 2)).clamp_min(torch.finfo(relevance.dtype).tiny)
        distance = -(relevance * top).sum((1, 2)) / whole
        return distance.detach(), torch.autograd.grad(distance.sum(), x)[0]


def _maps(maps: Maps, images: Tensor, pictures: Sequence[int]) -> Float[Tensor, "B G1 G2"]:
    relevance = maps(images, pictures)
    if relevance.ndim != 3 or len(relevance) != len(images):
        raise FvitError(f"topk: maps {tuple(relevance.shape)} given for {len(images)} pictures; (B, G1, G2) is expected")
    return relevance


def _better(best: tuple[Tensor, Tensor], tried: tuple[Tensor, Tensor], allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Row by row, (pictures, D) of the higher D, `tried` only where it is allowed."""
    higher = allowed & (tried[1] > best[1])
    return torch.where(higher[:, None, None, None], tried[0], best[0]), torch.where(higher, tried[1], best[1])
