"""PyTorch as it is: the reference every other session is compared with."""

import torch
from torch import Tensor

from runtime.network import Network, check_inputs

TAKES = "network"
PRECISIONS = ("fp32", "fp16", "bf16")


def available() -> str | None:
    return None


def told(device: torch.device) -> str:
    return f"torch {torch.__version__} on {device.type}, {torch.get_num_threads()} threads"


def load(source: Network, on: torch.device) -> "Eager":
    return Eager(source, on)


class Eager:
    """The module itself, its inputs checked, run without gradients."""

    def __init__(self, source: Network, on: torch.device):
        self._name, self._specs, self._module = source.name, source.inputs, source.module.eval().to(on)
        self.facts = {"provider": "torch", "compute_precision": source.precision}

    def __call__(self, *inputs: Tensor):
        check_inputs(self._name, self._specs, inputs)
        with torch.inference_mode():
            return self._module(*inputs)
