"""Noise that belongs to a draw: the same numbers whatever the batch, order, resume, worker or device.

Draw i of picture p reads the counter-based stream Philox(key = (seed, p), counter = (0, 0, 0, i)) (Salmon et al. 2011). It is made on the
CPU; on a GPU the copy overlaps with the work already queued there.

Every law in LAWS has mean 0 and standard deviation 1, so a step t* that was chosen for a standard deviation holds for all of them:

gaussian  N(0, 1)
uniform   on [-sqrt(3), sqrt(3)]
laplace   of scale 1 / sqrt(2): the difference of two unit exponentials, times that scale
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from runtime.plugins import known


class DrawNoise:
    """The streams of one batch of draws: draw `draws[n]` of picture `pictures[n]` under `seed`."""

    def __init__(self, seed: int, pictures: Sequence[int], draws: Sequence[int]):
        self._streams = [_stream(seed, picture, draw) for picture, draw in zip(pictures, draws, strict=True)]

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal (N, C, H, W) float32 on `like`'s device; each call goes on where the last one ended."""
        return self.unit("gaussian", like)

    def unit(self, law: str, like: Tensor) -> Tensor:
        """As `normal`, of another law of standard deviation 1: a name of LAWS."""
        fill = LAWS[known(law, LAWS, "noise")]
        block = np.empty(tuple(like.shape), dtype=np.float32)
        for row, stream in zip(block, self._streams, strict=True):
            fill(stream, row)
        return torch.from_numpy(block).to(like.device, non_blocking=True)


def _stream(seed: int, picture: int, draw: int) -> np.random.Generator:
    key, counter = np.array([seed, picture], dtype=np.uint64), np.array([0, 0, 0, draw], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def _gaussian(stream: np.random.Generator, row: np.ndarray) -> None:
    stream.standard_normal(dtype=np.float32, out=row)


def _uniform(stream: np.random.Generator, row: np.ndarray) -> None:
    stream.random(dtype=np.float32, out=row)
    row *= 2.0 * math.sqrt(3.0)
    row -= math.sqrt(3.0)


def _laplace(stream: np.random.Generator, row: np.ndarray) -> None:
    stream.standard_exponential(dtype=np.float32, out=row)
    row -= stream.standard_exponential(row.shape, dtype=np.float32)
    row *= math.sqrt(0.5)


LAWS: dict[str, Callable[[np.random.Generator, np.ndarray], None]] = {"gaussian": _gaussian, "uniform": _uniform, "laplace": _laplace}
