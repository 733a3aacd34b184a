"""ONNX Runtime on an exported file, with the one provider that the device asks for.

A provider that cannot start falls back to the CPU without an exception, so: fallback off, the session's first provider compared with the
one wanted, and the nodes that each provider really got counted. Tensors go in and come out without a copy (DLPack and io binding).
"""

from collections import Counter
from importlib.metadata import packages_distributions

import torch
from torch import Tensor

from runtime.artifact import Artifact
from runtime.errors import SessionUnavailable
from runtime.network import check_inputs

SOURCE = Artifact
PRECISIONS = ("fp32", "fp16", "bf16", "int8")
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
OPTIONS = {"CUDAExecutionProvider": {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}}  # tf32 on would not be fp32


def available() -> str | None:
    installed = sorted(set(packages_distributions().get("onnxruntime", [])))
    if not installed:
        return "onnxruntime is not installed; ./run setup installs it"
    if len(installed) > 1:
        return f"{' and '.join(installed)} are both installed and share files; pip uninstall -y {' '.join(installed)}, then ./run setup"
    return None


def load(source: Artifact, on: torch.device) -> "Ort":
    return Ort(source, on)


def probe(model: bytes, device: str) -> str:
    """Which provider really holds the nodes of `model` on `device`, in one line, the reason where the wanted one does not."""
    try:
        session = _start(model, PROVIDERS[device])
        return f"{PROVIDERS[device]} ({sum(_assigned(session, PROVIDERS[device]).values())} of 1 probe node)"
    except SessionUnavailable as error:
        return str(error)


class Ort:
    """One artifact in one InferenceSession."""

    def __init__(self, source: Artifact, on: torch.device):
        if why := available():
            raise SessionUnavailable(f"session ort: {why}")
        wanted = PROVIDERS[on.type]
        try:
            self._session = _start(str(source.model), wanted)
            nodes = _assigned(self._session, wanted)
        except SessionUnavailable as error:
            raise SessionUnavailable(f"session ort cannot run {source.network} in {source.precision}: {error}") from error
        self._name, self._specs, self._device = source.network, source.inputs, on
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.facts = {"provider": wanted, "compute_precision": source.precision, "nodes": nodes}

    def __call__(self, *inputs: Tensor):
        import onnxruntime

        check_inputs(self._name, self._specs, inputs)
        binding = self._session.io_binding()
        for spec, x in zip(self._specs, inputs, strict=True):
            binding.bind_ortvalue_input(spec.name, onnxruntime.OrtValue.from_dlpack(x.detach().contiguous()))
        for name in self._outputs:
            binding.bind_output(name, self._device.type, self._device.index or 0)
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()  # ONNX Runtime works on a stream of its own
        self._session.run_with_iobinding(binding)
        outputs = tuple(torch.from_dlpack(value) for value in binding.get_outputs())
        return outputs[0] if len(outputs) == 1 else outputs


def _start(model: str | bytes, wanted: str):
    """An InferenceSession on `wanted` alone, which raises where ONNX Runtime would have fallen back."""
    import onnxruntime

    if wanted != "CPUExecutionProvider":
        onnxruntime.preload_dlls()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # spinning threads slow down PyTorch's between the calls
    try:
        return onnxruntime.InferenceSession(model, options, providers=[(wanted, OPTIONS.get(wanted, {}))], enable_fallback=0)
    except Exception as error:  # ONNX Runtime's own classes: Fail, NotImplemented, InvalidGraph, ...
        raise SessionUnavailable(f"{wanted}: {' '.join(str(error).split())[:300]}") from error


def _assigned(session, wanted: str) -> dict[str, int]:
    """Nodes per provider; refuses a session that another provider took over. Shape arithmetic may stay on the CPU."""
    nodes = Counter()
    for part in session.get_provider_graph_assignment_info():
        nodes[part.ep_name] += len(part.get_nodes())
    if session.get_providers()[0] != wanted or not nodes[wanted]:
        raise SessionUnavailable(f"{wanted} was asked for, {session.get_providers()[0]} came ({dict(nodes)} nodes); see fvit doctor")
    return dict(nodes)
