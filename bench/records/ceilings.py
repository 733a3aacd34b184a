"""The machine's ceilings, and what a network asks of it (Williams et al. 2009).

    least seconds per call = max(operations / ceiling of the precision, bytes / bandwidth),   share = least seconds / measured seconds

Ceilings are measured, not read from a data sheet: the fastest of a few square matrix products in PyTorch, and the fastest addition of two
long vectors. int8's is no less than bf16's, since whoever has fast bf16 products may use them for int8. A share above 1 says that a library
does fewer operations (Winograd) or multiplies faster than that product. The pages compute both from what was measured.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from bench.records.clock import seconds
from export.networks import example
from runtime.network import DTYPES, Network

SIDES = {"cpu": (1024, 2048, 3072), "cuda": (4096, 8192)}
VECTOR = {"cpu": 64 << 20, "cuda": 1 << 28}  # float32 numbers: far beyond every cache
ROUNDS = 15
WIDTH = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1}  # bytes of a weight


def measure(precisions: Iterable[str], device: torch.device) -> dict[str, Any]:
    """The fields of a `Machine` row that say what it can do: a ceiling for each precision, and the bandwidth."""
    return {"ceilings": {precision: ceiling(precision, device) for precision in precisions}, "bandwidth": bandwidth(device)}


@functools.cache
def ceiling(precision: str, device: torch.device) -> float:
    """Operations per second of the fastest square matrix product in `precision`, a multiply-add counted as two."""
    found = [2 * side**3 / _fastest(_product(precision, side, device), device) for side in SIDES[device.type]]
    return max(found + ([ceiling("bf16", device)] if precision == "int8" else []))


@functools.cache
def bandwidth(device: torch.device) -> float:
    """Bytes per second of c = a + b over long vectors: two read, one written."""
    a, b, c = (torch.zeros(VECTOR[device.type], device=device) for _ in range(3))
    return 3 * a.nbytes / _fastest(lambda: torch.add(a, b, out=c), device)


def traffic(network: Network, precision: str, batch: int) -> int:
    """Bytes that any implementation must move in one call: every weight once, inputs and outputs in float32; nothing between layers."""
    weights = sum(parameter.numel() for parameter in network.module.parameters()) * WIDTH[precision]
    return weights + 4 * batch * sum(torch.Size(spec.shape).numel() for spec in (*network.inputs, *network.outputs))


def flops(network: Network) -> int:
    """Operations of one call on one picture, counted by PyTorch on shapes alone: products, convolutions, attention; element-wise work is not."""
    state = {**dict(network.module.named_parameters()), **dict(network.module.named_buffers())}  # a state_dict lacks some buffers
    device = next(network.module.parameters()).device
    inputs = tuple(x.to(device) for x in example(network, batch=1))
    with FakeTensorMode() as fake, torch.no_grad(), FlopCounterMode(display=False) as counter:
        shadow: dict[str, torch.Tensor] = {key: fake.from_tensor(value) for key, value in state.items()}
        functional_call(network.module, shadow, tuple(fake.from_tensor(x) for x in inputs))
    return counter.get_total_flops()


def _product(precision: str, side: int, device: torch.device) -> Callable[[], object]:
    if precision == "int8":
        a, b = (torch.randint(-127, 128, (side, side), dtype=torch.int8, device=device) for _ in range(2))
        return lambda: torch._int_mm(a, b)
    a, b = (torch.randn(side, side, device=device).to(DTYPES[precision]) for _ in range(2))
    return lambda: a @ b


def _fastest(work: Callable[[], object], device: torch.device) -> float:
    work()
    return min(seconds(work, device) for _ in range(ROUNDS))
