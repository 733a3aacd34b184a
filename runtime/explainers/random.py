"""A control: uniform random relevance, independent of model and class; fixed for each picture, the same in any batch."""

import hashlib

import numpy as np
import torch
from torch import Tensor

from runtime.protocols import Backbone, Explainer


def build(backbone: Backbone, seed: int = 0) -> Explainer:
    """The stream is keyed by the picture's bytes and `seed`."""

    def explain(images: Tensor, classes: Tensor) -> Tensor:
        return torch.stack([_map(image, seed, backbone.grid) for image in images.cpu()]).to(images)

    return explain


def _map(image: Tensor, seed: int, grid: tuple[int, int]) -> Tensor:
    key = hashlib.sha256(image.contiguous().numpy().tobytes() + str(seed).encode()).digest()[:16]
    return torch.from_numpy(np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little"))).random(grid))
