"""torch.compile: the module through Inductor, compiled on the first call for a batch of 1 and once more for all other sizes.

Convolutions get their weights channels-last, which is how fast kernels for them read pictures; on a GPU the calls of one shape are replayed
as a CUDA graph.
"""

import copy
import shutil

import torch
from torch import Tensor, nn

from runtime.network import Network, check_inputs

TAKES = "network"
PRECISIONS = ("fp32", "fp16", "bf16")


def available() -> str | None:
    if torch.cuda.is_available() or any(shutil.which(name) for name in ("g++", "c++", "clang++")):
        return None
    return "torch.compile needs a C++ compiler on a CPU; install g++"


def told(device: torch.device) -> str:
    return f"torch {torch.__version__} on {device.type}, {torch.get_num_threads()} threads, Inductor"


def load(source: Network, on: torch.device) -> "Compiled":
    return Compiled(source, on)


class Compiled:
    """The compiled module; leaves the module itself as it was."""

    def __init__(self, source: Network, on: torch.device):
        self._name, self._specs = source.name, source.inputs
        module = source.module.eval().to(on)
        if sum(isinstance(part, nn.Conv2d) for part in module.modules()) > 1:  # one alone cuts a picture into patches
            module = copy.deepcopy(module).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._module = torch.compile(module, mode="reduce-overhead" if on.type == "cuda" else None)
        self.facts = {"provider": "inductor", "compute_precision": source.precision}

    def __call__(self, *inputs: Tensor):
        check_inputs(self._name, self._specs, inputs)
        with torch.inference_mode():
            torch.compiler.cudagraph_mark_step_begin()
            result = self._module(*inputs)
            outputs = result if isinstance(result, tuple) else (result,)
            kept = tuple(x.clone() if x.is_cuda else x for x in outputs)  # a replayed graph writes over its own
        return kept if isinstance(result, tuple) else kept[0]
