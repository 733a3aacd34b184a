"""The memory that trials will take, before they are measured: weights, sessions, and what the networks keep for one picture.

What a pass forward keeps for the one backward is counted exactly, on PyTorch's `meta` device, where tensors have shapes and no numbers. A pass
forward holds less at a time, and what a session or PyTorch's allocator once had it keeps: FORWARD_SHARE of it for each picture of the largest
call (measured with the denoiser of 552.8 M parameters, docs/paper-size.md).
"""

from collections.abc import Sequence

import psutil
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call

from bench.trials.run import Runner
from bench.trials.trial import Trial
from bench.worlds import defence as defences
from runtime.network import Network

FORWARD_SHARE = 0.4
LIBRARIES = 0.9e9  # bytes of a process that has loaded PyTorch, ONNX Runtime and an export, before any network


def kept_for_backward(network: Network) -> int:
    """Bytes that a pass forward of one picture keeps for the pass back to the pixels; weights are not among them."""
    own: dict[int, int] = {}
    weights = {
        name: tensor.to("meta")
        for name, tensor in {**dict(network.module.named_parameters()), **dict(network.module.named_buffers())}.items()
    }
    known = {tensor.untyped_storage()._cdata for tensor in weights.values()}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in known:
            own[storage._cdata] = storage.nbytes()
        return tensor

    inputs = [torch.empty(1, *spec.shape, device="meta") for spec in network.inputs]
    with torch.enable_grad(), saved_tensors_hooks(pack, lambda tensor: tensor):
        kept = functional_call(network.module, weights, (inputs[0].requires_grad_(), *inputs[1:]))
    del kept
    return sum(own.values())


def weights(module: nn.Module) -> int:
    """Bytes of its parameters and buffers."""
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))


def peak(runner: Runner, trials: Sequence[Trial]) -> float:
    """Bytes at the peak of measuring `trials` of one backbone: its networks, their sessions, and the largest call."""
    bench = runner.bench(trials[0].backbone)
    kinds = {kind for trial in trials for kind in defences.networks(trial.defence)}
    own = {"backbone": weights(bench.backbone.model), "denoiser": weights(bench.denoiser.model)}
    own["classify_draws"] = own["backbone"] + own["denoiser"]
    held = {kind: kept_for_backward(bench.network(kind)) for kind in ("backbone", "denoiser")}
    held["classify_draws"] = held["backbone"] + held["denoiser"]
    batch = dict.fromkeys(kinds, 1)
    for trial in trials:
        for kind in defences.networks(trial.defence):
            size = trial.defence.batch if trial.defence.randomised else defences.together(runner.world)
            batch[kind] = max(batch[kind], size, *runner.world.parity_batches)
    sessions = {kind: own[kind] + FORWARD_SHARE * held[kind] * batch[kind] for kind in kinds}
    attacks = [trial for trial in trials if trial.threat is not None]
    through = runner.world.chunk * held["classify_draws"] if any(trial.threat.through for trial in attacks if trial.threat) else 0
    first = through + sum(size for kind, size in sessions.items() if kind != "denoiser")  # what needs the denoiser's own session comes last
    last = sum(sessions.values()) + (runner.world.chunk * held["backbone"] if attacks else 0)
    return LIBRARIES + own["classify_draws"] + max(first, last)


def free() -> int:
    """Bytes that this machine can give now."""
    return psutil.virtual_memory().available
