"""Peak memory of many draws, in a process that does nothing else: getrusage would give the parent's peak, which a child inherits."""

from typing import Any

import torch

from bench.records.clock import PeakMemory
from runtime.chain import Chain, Draws
from runtime.diffusion.schedule import NoiseLevel


def peak(job: dict[str, Any]) -> float:
    """MiB at the peak of `job["draws"]` draws of one picture of 8 x 8 pixels through a linear classifier."""
    weight = torch.randn(3, 10, generator=torch.Generator().manual_seed(0))
    chain = Chain(lambda noisy, noise, stage: (noisy.mean((2, 3)) @ weight, None), NoiseLevel("given", 0.1, 0, 0.1, 0.1), (8, 8))
    chain(torch.full((1, 3, 8, 8), 0.5), [0], Draws(job["draws"], batch=64))
    return PeakMemory().read() / 2**20
