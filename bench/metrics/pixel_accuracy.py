"""Pixel accuracy of a map as a segmentation (Chefer et al. 2021, section 4): the share of labelled pixels on their right side.

Foreground is what lies above the map's own mean, after the map was brought to the mask's size.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from runtime.smooth import resize


def pixel_accuracy(maps: Float[Tensor, "B G1 G2"], masks: Int[Tensor, "B H W"]) -> Float[Tensor, " B"]:
    """Of each map; `masks` hold 1 on the object, 0 around it, -1 where nothing counts. A constant map is all background."""
    correct, labelled = counts(maps, masks)
    return correct.double() / labelled.clamp_min(1)


def counts(maps: Float[Tensor, "B G1 G2"], masks: Int[Tensor, "B H W"]) -> tuple[Tensor, Tensor]:
    """Right pixels and labelled pixels of each map, to be summed over pictures."""
    shown = resize(maps[:, None].float(), (masks.shape[-2], masks.shape[-1]))[:, 0].flatten(1)
    low, high = shown.amin(1, keepdim=True), shown.amax(1, keepdim=True)
    scaled = torch.where(high > low, (shown - low) / (high - low).clamp_min(torch.finfo(shown.dtype).tiny), 0.0)
    inside, wanted = scaled > scaled.mean(1, keepdim=True), masks.flatten(1)
    return ((inside == (wanted == 1)) & (wanted >= 0)).sum(1), (wanted >= 0).sum(1)
