"""torch.compile: the module through Inductor, compiled on the first call for a batch of 1 and once more for all other sizes."""

import shutil

import torch
from torch import Tensor

from runtime.network import Network, check_inputs

SOURCE = Network
PRECISIONS = ("fp32", "fp16", "bf16")


def available() -> str | None:
    if torch.cuda.is_available() or any(shutil.which(name) for name in ("g++", "c++", "clang++")):
        return None
    return "torch.compile needs a C++ compiler on a CPU; install g++"


def load(source: Network, on: torch.device) -> "Compiled":
    return Compiled(source, on)


class Compiled:
    """The compiled module; leaves the module itself as it was."""

    def __init__(self, source: Network, on: torch.device):
        self._name, self._specs = source.name, source.inputs
        self._module = torch.compile(source.module.eval().to(on))
        self.facts = {"provider": "inductor", "compute_precision": source.precision}

    def __call__(self, *inputs: Tensor):
        check_inputs(self._name, self._specs, inputs)
        with torch.inference_mode():
            return self._module(*inputs)
