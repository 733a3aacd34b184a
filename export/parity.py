"""Parity: the same inputs through eager fp32 and through a session, before the session may be timed.

Tolerances bound the largest difference in units of the reference's standard deviation, since scores, epsilon and pixels differ in scale.
fp32   2e-3  sums are taken in another order: 1e-6 an operation, 1e-5 over a UNet; a wrong kernel or transposed axis gives 1
fp16   5e-2  10 bits: 5e-4 an operation, about 1e-2 over a hundred layers
bf16   5e-1  7 bits: 4e-3 an operation, about 1e-1 over a hundred layers, and the largest of 1e5 values lies 4 times as far; its cosine
             must still be 0.99 (0.303 was seen on a CPU with AMX, at an input that no chain makes; 0.55 was a time step rounded to bf16)
int8   1     one value may lie far off; cosine 0.99 and, with trained weights, 98 % equal labels on pictures that no calibration saw
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from export.networks import example
from runtime.errors import FvitError
from runtime.network import Network
from runtime.protocols import Session

TOLERANCE = {"fp32": 2e-3, "fp16": 5e-2, "bf16": 5e-1, "int8": 1.0}
COSINE = {"fp32": 0.99999, "fp16": 0.999, "bf16": 0.99, "int8": 0.99}
LABELS = {"int8": 0.98}
BATCHES = (1, 2, 5)


class ParityError(FvitError):
    """An exported network that does not compute what PyTorch computes: which output, where and by how much."""


@dataclass(frozen=True)
class Parity:
    """The worst over all cases: absolute difference, the same over the reference's deviation, cosine, share of equal labels."""

    largest: float
    relative: float
    cosine: float
    labels: float
    cases: int

    def asdict(self) -> dict:
        return asdict(self)


def check(
    network: Network,
    reference: Session,
    candidate: Session,
    precision: str,
    given: Iterable[tuple[str, tuple[Tensor, ...]]] | None = None,
    device: torch.device | None = None,
) -> Parity:
    """Compares `candidate` with `reference` (eager fp32) on `given`: pairs (name, inputs), by default the network's `cases`.

    Raises ParityError beyond the tolerance of `precision`.
    """
    worst: list[Parity] = []
    labels = 0.0 if network.weights.kind == "random" else LABELS.get(precision, 0.0)
    for name, inputs in cases(network) if given is None else given:
        inputs = tuple(x.to(device) for x in inputs)
        expected, actual = _tuple(reference(*inputs)), _tuple(candidate(*inputs))
        for spec, a, b in zip(network.outputs, expected, actual, strict=True):
            worst.append(_compare(f"{spec.name} of {network.name}", name, a.float(), b.float(), precision))
            if worst[-1].labels < labels:
                raise ParityError(
                    f"{spec.name} of {network.name}, {name}: {worst[-1].labels:.1%} of the labels are those of eager fp32 in {precision}, "
                    f"{labels:.0%} are expected; keep more layers in float, do not time it"
                )
    return Parity(
        max(p.largest for p in worst),
        max(p.relative for p in worst),
        min(p.cosine for p in worst),
        min(p.labels for p in worst),
        len(worst),
    )


def cases(network: Network, batches: Sequence[int] = BATCHES) -> Iterator[tuple[str, tuple[Tensor, ...]]]:
    """Seeded inputs of several batch sizes, and the extremes of each input."""
    for seed, batch in enumerate(batches):
        yield f"batch {batch}", example(network, batch, seed)
    low = tuple(torch.full((1, *spec.shape), spec.low) for spec in network.inputs)
    high = tuple(torch.full((1, *spec.shape), spec.high) for spec in network.inputs)
    yield "every input at its lowest", low
    yield "every input at its highest", high


def _compare(what: str, case: str, expected: Tensor, actual: Tensor, precision: str) -> Parity:
    if expected.shape != actual.shape or not torch.isfinite(actual).all():
        broken = "NaN or infinity" if expected.shape == actual.shape else f"shape {tuple(actual.shape)} for {tuple(expected.shape)}"
        raise ParityError(f"{what}, {case}: {broken} in {precision}; the export is wrong, do not time it")
    difference = (expected - actual).abs()
    largest = difference.max().item()
    size = expected.double().square().mean().sqrt().item()  # a constant output has no deviation: a hundredth of its size stands in
    relative = largest / max(expected.std().item() if expected.numel() > 1 else 0.0, size / 100, 1e-9)
    cosine = torch.cosine_similarity(expected.flatten().double(), actual.flatten().double(), dim=0).item() if largest else 1.0
    labels = (expected.argmax(1) == actual.argmax(1)).double().mean().item() if expected.ndim == 2 else math.nan
    if not (relative <= TOLERANCE[precision] and cosine >= COSINE[precision]):  # NaN in eager fp32 is no parity either
        place = tuple(int(i) for i in torch.unravel_index(difference.argmax(), difference.shape))
        raise ParityError(
            f"{what}, {case}: differs by {largest:.3g} at {place} ({expected[place].item():.5g} in eager fp32, {actual[place].item():.5g} here), "
            f"{relative:.3g} of its deviation where {TOLERANCE[precision]} is allowed in {precision}, cosine {cosine:.6f}; do not time it"
        )
    return Parity(largest, relative, cosine, labels, 1)


def _tuple(result) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)
