"""Attention rollout (Abnar and Zuidema 2020): the product over layers of row-normalised (mean over heads + identity).

R = A'_L ... A'_1,  A'_l = rows of (mean_h A_l + I) divided by their sums;  the class token's row over the patches is the map.
"""

import torch
from torch import Tensor

from runtime.errors import FvitError
from runtime.hooks import captured_attention
from runtime.protocols import Backbone, Explainer


def build(backbone: Backbone) -> Explainer:
    """The explainer of a ViT or DeiT; it does not look at the class. Backbones without a class token are refused."""
    if not backbone.prefix_tokens:
        raise FvitError(f"rollout reads the class token's row and {backbone.name} has none; choose a ViT or DeiT backbone")

    def explain(images: Tensor, classes: Tensor) -> Tensor:
        with torch.inference_mode(), captured_attention(backbone.model) as layers:
            backbone.model(images)
        return rollout(layers)[:, 0, backbone.prefix_tokens :].reshape(len(images), *backbone.grid)

    return explain


def rollout(layers: list[Tensor]) -> Tensor:
    """The joint attention (B, T, T) of `layers`, each (B, A, T, T)."""
    joint = None
    for attention in layers:
        flow = attention.mean(1) + torch.eye(attention.shape[-1], dtype=attention.dtype, device=attention.device)
        flow = flow / flow.sum(-1, keepdim=True)
        joint = flow if joint is None else flow @ joint
    assert joint is not None
    return joint
