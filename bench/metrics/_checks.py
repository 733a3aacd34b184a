"""What every metric of a map refuses."""

import torch
from torch import Tensor

from runtime.errors import FvitError


def check_maps(maps: Tensor, count: int) -> None:
    """Refuses what is no batch of `count` finite maps, one for each picture."""
    if maps.ndim != 3 or len(maps) != count or not maps.is_floating_point():
        raise FvitError(
            f"maps {tuple(maps.shape)} {maps.dtype} given; floating point ({count}, G1, G2) is expected, one map for each picture"
        )
    bad = ~torch.isfinite(maps).flatten(1).all(1)
    if bad.any():
        raise FvitError(
            f"map {int(bad.nonzero()[0])} of {count} holds NaN or infinity, finite relevance is expected; "
            "Chefer et al.'s code sets it to 0: do that yourself if you want it, and say so"
        )
