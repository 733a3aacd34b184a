"""From a layer's head maps to the matrix that a rollout multiplies."""

import torch
from torch import Tensor

from runtime import names
from runtime.errors import FvitError
from runtime.plugins import known

FUSIONS = {"mean": lambda heads: heads.mean(1), "max": lambda heads: heads.amax(1), "min": lambda heads: heads.amin(1)}
NORMALISE = names.NORMALISATIONS


def fused(heads: Tensor, fusion: str) -> Tensor:
    """(B, A, N, N) -> (B, N, N)."""
    return FUSIONS[known(fusion, FUSIONS, "head fusion")](heads)


def discarded(matrix: Tensor, ratio: float, keep_first: bool = False) -> Tensor:
    """The smallest floor(N^2 x ratio) entries of each matrix set to 0; the first one (class token to class token) stays if `keep_first`."""
    if not 0 <= ratio < 1:
        raise FvitError(f"discard ratio {ratio}; at least 0 and below 1 is expected")
    flat = matrix.flatten(1)
    smallest = flat.topk(int(flat.shape[1] * ratio), 1, largest=False).indices
    cut = flat.scatter(1, smallest, 0.0)
    if keep_first:
        cut[:, 0] = flat[:, 0]
    return cut.reshape(matrix.shape)


def residual(matrix: Tensor, normalise: str) -> Tensor:
    """M + I: rows divided by their sums, as the paper of rollout has it; `columns`: column j by row j's sum, as vit-explain does; `none`."""
    known(normalise, NORMALISE, "normalisation")
    whole = matrix + torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    if normalise == "none":
        return whole
    sums = whole.sum(-1)
    return whole / sums[:, :, None] if normalise == "rows" else whole / sums[:, None, :]
