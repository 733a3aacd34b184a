"""Pixel accuracy of a map as a segmentation (Chefer et al. 2021, section 4): the share of labelled pixels on their right side.

Foreground is what lies above the map's own mean, after the map was brought to the mask's size.
"""

from jaxtyping import Float, Int
from torch import Tensor

from runtime.smooth import resize


def pixel_accuracy(maps: Float[Tensor, "B G1 G2"], masks: Int[Tensor, "B H W"]) -> Float[Tensor, " B"]:
    """Of each map; `masks` hold 1 on the object, 0 around it, -1 where nothing counts.

    A constant map is all background; a mask without labelled pixels gives 0.
    """
    correct, labelled = counts(maps, masks)
    return correct.double() / labelled.clamp_min(1)


def counts(maps: Float[Tensor, "B G1 G2"], masks: Int[Tensor, "B H W"]) -> tuple[Tensor, Tensor]:
    """Right pixels and labelled pixels of each map, to be summed over pictures."""
    shown = resize(maps[:, None].float(), (masks.shape[-2], masks.shape[-1]))[:, 0].flatten(1)
    inside, wanted = shown > shown.mean(1, keepdim=True), masks.flatten(1)
    inside &= shown.amax(1, keepdim=True) > shown.amin(1, keepdim=True)  # a constant map's mean may be off in the last bit
    return ((inside == (wanted == 1)) & (wanted >= 0)).sum(1), (wanted >= 0).sum(1)
