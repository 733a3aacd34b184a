"""ONNX Runtime on an exported file, with the one provider that the device asks for.

A provider that cannot start falls back to the CPU without an exception, so
fallback is off, the session's first provider is compared with the requested one, and the nodes of each provider are counted.
On the CPU tensors go in and come out without a copy (DLPack and io binding). On a GPU ONNX Runtime works on a stream of its own and replays
a CUDA graph for each batch size, over buffers that stay where they are; a network of many convolutions is computed channels-last.
No machine of this project has run the GPU half yet: its options are looked up in the provider's file (tests/unit/runtime/test_ort.py).
"""

from collections import Counter
from functools import cache
from importlib.metadata import Distribution, distributions

import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor

from runtime.artifact import Artifact
from runtime.errors import SessionUnavailable
from runtime.network import check_inputs
from runtime.sessions._replay import replay

TAKES = "artifact"
PRECISIONS = ("fp32", "fp16", "bf16", "int8")
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}  # of the CUDA provider; tf32 on would not be fp32
GRAPH, PLAIN = {"enable_cuda_graph": "1"}, -1


def available() -> str | None:
    installed = packages()
    if not installed:
        return "onnxruntime is not installed; install onnxruntime or onnxruntime-gpu"
    if len(installed) > 1:
        return f"{' and '.join(installed)} are both installed and share files; pip uninstall -y {' '.join(installed)}, then install one of them"
    return None


@cache
def packages() -> list[str]:
    """The installed packages that bring the module onnxruntime; importlib's own list of this kind reads the files of every package."""
    return sorted({one.name for one in distributions() if one.name.lower().startswith("onnxruntime") and _brings_it(one)})


def _brings_it(one: Distribution) -> bool:
    """onnxruntime-extensions, say, brings another module."""
    if told := one.read_text("top_level.txt"):
        return "onnxruntime" in told.split()
    return any(file.parts[0] == "onnxruntime" for file in one.files or ())


def load(source: Artifact, on: torch.device) -> "Ort":
    return Ort(source, on)


@cache
def library():
    """The module onnxruntime, its telemetry off; nothing here or in export/ imports it otherwise."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def told(device: torch.device) -> str:
    """The provider that holds the node of a one-node model: what is compiled in says nothing about what can start."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "probe", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    try:
        session = _start(model.SerializeToString(), PROVIDERS[device.type], OPTIONS if device.type == "cuda" else {})
        return f"{PROVIDERS[device.type]} ({sum(_assigned(session, PROVIDERS[device.type]).values())} of 1 probe node)"
    except SessionUnavailable as error:
        return str(error)


class Ort:
    """One artifact in one InferenceSession."""

    def __init__(self, source: Artifact, on: torch.device):
        if why := available():
            raise SessionUnavailable(f"session ort: {why}")
        if on.type == "cuda" and not torch.cuda.is_available():
            raise SessionUnavailable(f"session ort: PyTorch sees no CUDA GPU, and {PROVIDERS['cuda']} needs one", needs="cpu")
        self._name, self._specs, self._outputs, self._device = source.network, source.inputs, source.outputs, on
        self._stream = torch.cuda.Stream(on) if on.type == "cuda" else None
        self._bound: dict[int, tuple] = {}
        self.facts: dict = {"provider": PROVIDERS[on.type], "compute_precision": source.precision}
        try:
            self._session = _start(str(source.model), PROVIDERS["cpu"], {}) if self._stream is None else self._on_gpu(source, self._stream)
            self.facts["nodes"] = _assigned(self._session, PROVIDERS[on.type])
        except SessionUnavailable as error:
            raise SessionUnavailable(f"session ort cannot run {source.network} in {source.precision}: {error}") from error

    def _on_gpu(self, source: Artifact, stream: torch.cuda.Stream):
        """A session on `stream` with CUDA graphs; without them, the reason in `facts`, where ONNX Runtime refuses the network."""
        convolutions = sum(node.op_type == "Conv" for node in onnx.load(source.model, load_external_data=False).graph.node)
        nhwc = convolutions > 1  # one alone cuts a picture into patches
        options = OPTIONS | {"device_id": str(stream.device.index), "user_compute_stream": str(stream.cuda_stream)}
        options["prefer_nhwc"] = str(int(nhwc))
        self.facts |= {"nhwc": nhwc, "cuda_graph": "yes"}
        try:
            return _start(str(source.model), PROVIDERS["cuda"], options | GRAPH)
        except SessionUnavailable as error:
            self.facts["cuda_graph"] = f"no: {error}"
        return _start(str(source.model), PROVIDERS["cuda"], options)

    def __call__(self, *inputs: Tensor):
        check_inputs(self._name, self._specs, inputs)
        if self._stream is None:
            return self._direct(inputs)
        batch = len(inputs[0])
        if batch not in self._bound:
            self._bound[batch] = self._recorded(batch, self._stream)
        binding, run, given, out = self._bound[batch]
        return replay(lambda: self._session.run_with_iobinding(binding, run), inputs, given, out, self._stream)

    def _recorded(self, batch: int, stream: torch.cuda.Stream) -> tuple:
        """Buffers of `batch` bound, and the options of a run that replays; of a plain run, and the reason kept, where recording fails.

        Nothing can be allocated while ONNX Runtime records, so two plain runs come first.
        """
        with torch.cuda.device(stream.device):
            binding, given, out = self.bind(batch)
            torch.cuda.current_stream().synchronize()  # the buffers are filled there
            plain, recording = _run(PLAIN), _run(batch)
            for _ in range(2):
                self._session.run_with_iobinding(binding, plain)
            try:
                self._session.run_with_iobinding(binding, recording)
            except Exception as error:  # ONNX Runtime's own classes
                self.facts["cuda_graph"] = f"not at batch {batch}: {' '.join(str(error).split())[:300]}"
                recording = plain
        return binding, recording, given, out

    def _direct(self, inputs: tuple[Tensor, ...]):
        onnxruntime = library()

        binding = self._session.io_binding()
        for spec, x in zip(self._specs, inputs, strict=True):
            binding.bind_ortvalue_input(spec.name, onnxruntime.OrtValue.from_dlpack(x.detach().contiguous()))
        for spec in self._outputs:
            binding.bind_output(spec.name)
        self._session.run_with_iobinding(binding)
        outputs = tuple(torch.from_dlpack(value) for value in binding.get_outputs())
        return outputs[0] if len(outputs) == 1 else outputs

    def bind(self, batch: int) -> tuple:
        """Fixed buffers for `batch` pictures: the binding, the input buffers and the output buffers."""
        onnxruntime = library()

        given, out = ([torch.zeros(batch, *spec.shape, device=self._device) for spec in specs] for specs in (self._specs, self._outputs))
        binding = self._session.io_binding()
        for spec, buffer in zip(self._specs, given, strict=True):
            binding.bind_ortvalue_input(spec.name, onnxruntime.OrtValue.from_dlpack(buffer))
        for spec, buffer in zip(self._outputs, out, strict=True):
            binding.bind_ortvalue_output(spec.name, onnxruntime.OrtValue.from_dlpack(buffer))
        return binding, given, out


def _run(graph: int):
    """Options of a run that records and replays graph number `graph`, or none (PLAIN); the caller's stream waits for it, not the host."""
    onnxruntime = library()

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    options.add_run_config_entry("gpu_graph_id", str(graph))
    return options


def _start(model: str | bytes, wanted: str, given: dict[str, str]):
    """An InferenceSession on `wanted` alone, which raises where ONNX Runtime would have fallen back."""
    onnxruntime = library()

    if wanted != "CPUExecutionProvider":
        onnxruntime.preload_dlls()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # spinning threads slow down PyTorch's between the calls
    try:
        return onnxruntime.InferenceSession(model, options, providers=[(wanted, given)], enable_fallback=0)
    except Exception as error:  # ONNX Runtime's own classes: Fail, NotImplemented, InvalidGraph, ...
        raise SessionUnavailable(f"{wanted}: {' '.join(str(error).split())[:300]}") from error


def _assigned(session, wanted: str) -> dict[str, int]:
    """Nodes per provider; refuses a session that another provider took over. Shape arithmetic may stay on the CPU."""
    nodes = Counter()
    for part in session.get_provider_graph_assignment_info():
        nodes[part.ep_name] += len(part.get_nodes())
    if session.get_providers()[0] != wanted or not nodes[wanted]:
        raise SessionUnavailable(f"{wanted} was asked for, {session.get_providers()[0]} given ({dict(nodes)} nodes)", needs="doctor")
    return dict(nodes)
