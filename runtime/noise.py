"""Noise that belongs to a draw: the same numbers whatever the batch, order, resume, worker or device.

Draw i of picture p reads the counter-based stream Philox(key = (seed, p), counter = (0, 0, 0, i)) (Salmon et al. 2011). It is made on the
CPU; on a GPU the copy overlaps with the work already queued there.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class DrawNoise:
    """The streams of one batch of draws: draw `draws[n]` of picture `pictures[n]` under `seed`."""

    def __init__(self, seed: int, pictures: Sequence[int], draws: Sequence[int]):
        self._streams = [_stream(seed, picture, draw) for picture, draw in zip(pictures, draws, strict=True)]

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal (N, C, H, W) float32 on `like`'s device; each call goes on where the last one ended."""
        block = np.empty(tuple(like.shape), dtype=np.float32)
        for row, stream in zip(block, self._streams, strict=True):
            stream.standard_normal(dtype=np.float32, out=row)
        return torch.from_numpy(block).to(like.device, non_blocking=True)


def _stream(seed: int, picture: int, draw: int) -> np.random.Generator:
    key, counter = np.array([seed, picture], dtype=np.uint64), np.array([0, 0, 0, draw], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
