"""OpenVINO on an exported file, on the CPU: one request at a time with every core in it, which is the latency of a batch.

On a CPU with bf16 instructions OpenVINO computes in bf16 unless told otherwise, so the precision is set by name and read back. What an int8
file leaves in float is computed in bf16 where the CPU has it.
"""

import importlib.util

import torch
from torch import Tensor

from runtime.artifact import Artifact
from runtime.errors import SessionUnavailable
from runtime.network import check_inputs

SOURCE = Artifact
PRECISIONS = ("fp32", "bf16", "int8")


def available() -> str | None:
    if importlib.util.find_spec("openvino") is None:
        return "openvino is not installed; pip install 'fvit-bench[openvino]'"
    return None


def load(source: Artifact, on: torch.device) -> "OpenVino":
    return OpenVino(source, on)


class OpenVino:
    """One artifact compiled for the CPU."""

    def __init__(self, source: Artifact, on: torch.device):
        if why := available():
            raise SessionUnavailable(f"session openvino: {why}")
        if on.type != "cpu":
            raise SessionUnavailable(f"session openvino: device {on} came, cpu is wanted; give --device cpu")
        self._name, self._specs = source.network, source.inputs
        compiled, rest = _compiled(source)
        self._request = compiled.create_infer_request()
        threads = compiled.get_property("INFERENCE_NUM_THREADS")
        self.facts = {"provider": "openvino CPU", "compute_precision": source.precision, "rest": rest, "threads": threads}

    def __call__(self, *inputs: Tensor):
        check_inputs(self._name, self._specs, inputs)
        given = [x.detach().contiguous().numpy() for x in inputs]
        found = self._request.infer(given, share_inputs=True)  # what comes out is copied: the request writes over its own
        outputs = tuple(torch.from_numpy(found[index]) for index in range(len(found)))
        return outputs[0] if len(outputs) == 1 else outputs


def _compiled(source: Artifact):
    import openvino

    core = openvino.Core()
    hint = "bf16" if source.precision == "bf16" or (source.precision == "int8" and "BF16" in _abilities(core)) else "f32"
    settings = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    try:
        compiled = core.compile_model(str(source.model), "CPU", settings)
    except RuntimeError as error:
        raise SessionUnavailable(
            f"session openvino cannot run {source.network} in {source.precision}: {' '.join(str(error).split())[:300]}"
        ) from error
    found = compiled.get_property("INFERENCE_PRECISION_HINT")
    if found != getattr(openvino.Type, hint):
        raise SessionUnavailable(f"session openvino computes {source.network} in {found} on this CPU, not in {source.precision}")
    return compiled, hint


def _abilities(core) -> list[str]:
    return core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
