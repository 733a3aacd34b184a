"""A network and its interface: name, precision, weights, and the name, shape and range of each input and output."""

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from runtime.errors import FvitError
from runtime.plugins import known

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


Kind = Literal["shipped", "file", "random"]
LEAST_TRUSTED: tuple[Kind, ...] = ("random", "file", "shipped")


@dataclass(frozen=True)
class Weights:
    """Where a network's numbers come from. `name` is what a page shows, `sha` the hash of the file or "" where there is none."""

    kind: Kind
    name: str
    sha: str = ""

    def __str__(self) -> str:
        return self.name


def combined(parts: Mapping[str, Weights]) -> Weights:
    """The weights of a network made of `parts`, by name: random if any part is random, else from a file if any is, else shipped."""
    kinds: set[Kind] = {part.kind for part in parts.values()}
    kind = min(kinds, key=LEAST_TRUSTED.index)
    hashes = [part.sha for part in parts.values()]
    sha = hashlib.sha256(" ".join(hashes).encode()).hexdigest() if all(hashes) else ""
    return Weights(kind, "; ".join(f"{name}: {part}" for name, part in parts.items()), sha)


@dataclass(frozen=True)
class TensorSpec:
    """One input or output: float32, first axis the batch, the others fixed; values expected in [low, high]."""

    name: str
    shape: tuple[int, ...]  # without the batch
    low: float
    high: float


@dataclass(frozen=True)
class Network:
    """A module ready to run in eval mode; `fingerprint` is the hash of its parameters and buffers."""

    name: str
    module: nn.Module
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    weights: Weights
    fingerprint: str
    precision: str = "fp32"


def at_precision(network: Network, precision: str) -> Network:
    """A copy of the network that computes in fp32, fp16 or bf16, with float32 inputs and outputs.

    The casts are part of the network, so that every session sees float32. Times and noise levels stay float32: bf16 cannot tell 257 from 258.
    """
    if known(precision, DTYPES, "precision") == "fp32":
        return network
    return replace(network, module=AtPrecision(network.module, DTYPES[precision]), precision=precision)


class AtPrecision(nn.Module):
    """Pictures in and results out in float32, everything between in `dtype`."""

    def __init__(self, module: nn.Module, dtype: torch.dtype):
        super().__init__()
        self.dtype = dtype
        self.module = copy.deepcopy(module).to(dtype)

    def forward(self, pictures: Tensor, t: Tensor | None = None) -> Tensor:  # no *inputs: torch.export would want their axes nested
        times = () if t is None else (t,)
        return self.module(pictures.to(self.dtype), *times).float()


def check_inputs(name: str, specs: Sequence[TensorSpec], inputs: Sequence[Tensor], largest: int | None = None) -> None:
    """Refuses a wrong number of inputs, a wrong shape, dtype or batch by name. Checks shapes only, not values."""
    if len(inputs) != len(specs):
        raise FvitError(f"{name} takes {len(specs)} inputs ({', '.join(s.name for s in specs)}), {len(inputs)} given")
    batch = inputs[0].shape[0] if inputs[0].ndim else 0
    for spec, x in zip(specs, inputs, strict=True):
        if tuple(x.shape[1:]) != spec.shape or x.ndim == 0 or x.shape[0] != batch or x.dtype != torch.float32:
            wanted = f"({', '.join(('batch', *map(str, spec.shape)))}) float32"
            came = f"{tuple(x.shape)} {str(x.dtype).removeprefix('torch.')}"
            raise FvitError(f"input {spec.name} of {name}: {came} given, {wanted} is expected with one batch for all inputs")
    if batch == 0 or (largest is not None and batch > largest):
        raise FvitError(f"{name}: a batch of {batch} given, 1 to {largest or 'any number'} is expected")


def random_weights(seed: int) -> Weights:
    """The description of what `randomize` with this seed sets."""
    return Weights("random", f"random, seed {seed}")


def randomize(module: nn.Module, seed: int) -> None:
    """Fills every parameter from `seed`, none of them zero: a stand-in for trained weights with which every branch affects the output.

    Matrices and kernels get N(0, 1 / fan_in), the gains of norms N(1, 0.1), all else N(0, 0.02): an untrained diffusion
    UNet outputs zeros and half of an untrained ViT is zero, which would hide errors of an export.
    """
    norms = {id(m.weight) for m in module.modules() if isinstance(m, nn.GroupNorm | nn.LayerNorm) and m.weight is not None}
    for index, parameter in enumerate(module.parameters()):
        rng = torch.Generator().manual_seed((seed << 20) + index)
        matrix = parameter.ndim in (2, 4) and parameter[0].numel() >= 16
        with torch.no_grad():
            if id(parameter) in norms:
                parameter.normal_(1.0, 0.1, generator=rng)
            else:
                parameter.normal_(0.0, parameter[0].numel() ** -0.5 if matrix else 0.02, generator=rng)
