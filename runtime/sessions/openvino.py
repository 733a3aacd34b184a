"""OpenVINO on an exported file, on the CPU: one graph of fixed shape per batch size.

A batch is divided evenly among asynchronous requests, one per thread where it divides: threads that do not wait for each other are faster
than threads that share one request, which only a batch of 1 uses (the roofline study measures both). bf16 is computed from the fp32 file,
which was not slower than a bf16 file.
On a CPU with bf16 instructions OpenVINO computes in bf16 by default, so the precision is set by name and read back. What an int8
file leaves in float is computed in bf16 where the CPU has it. A time step would be rounded to bf16 as well, and bf16 cannot tell 257 from
258 (cosine 0.98 at t = 777 in place of 0.9999), so what leads to a sine or cosine is cut off and computed in fp32.
In fp32 with fixed shapes its code generator for fused loops (snippets) ends the process (null pointer, 2026.4) where a group norm is scaled by
what another layer computed, as in every guided-diffusion UNet: there it is switched off.
"""

import importlib.util
from collections import OrderedDict
from importlib.metadata import version

import torch
from torch import Tensor

from runtime.artifact import Artifact
from runtime.errors import SessionUnavailable
from runtime.network import check_inputs

TAKES = "artifact"
PRECISIONS = ("fp32", "bf16", "int8")
FILES = {"bf16": "fp32"}  # precision -> that of the file it is computed from, where they differ
T = 1  # which input the time is
GRAPHS = 8 << 30  # bytes of files: each graph holds the weights again, and the one not used for longest goes first


def available() -> str | None:
    if importlib.util.find_spec("openvino") is None:
        return "openvino is not installed; pip install 'fvit-bench[openvino]'"
    return None


def told(device: torch.device) -> str:
    return f"OpenVINO {version('openvino')} on cpu, {torch.get_num_threads()} threads"


def load(source: Artifact, on: torch.device) -> "OpenVino":
    return OpenVino(source, on)


class OpenVino:
    """One artifact, compiled for the CPU at the first call of each batch size.

    `requests`: how many share a batch at most (all threads by default); `pinned`: threads stay on their cores; `fixed`: shapes are fixed.
    """

    def __init__(self, source: Artifact, on: torch.device, requests: int | None = None, pinned: bool = True, fixed: bool = True):
        if why := available():
            raise SessionUnavailable(f"session openvino: {why}")
        if on.type != "cpu":
            raise SessionUnavailable(f"session openvino: device {on} given, cpu is expected", needs="cpu")
        import openvino

        self._core = openvino.Core()
        low = source.precision == "bf16" or (
            source.precision == "int8" and "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        )
        self._source, self._specs, self._fixed = source, source.inputs, fixed
        self._threads = torch.get_num_threads()
        self._requests, self._kept = requests or self._threads, max(1, GRAPHS // source.size)
        self._settings = {"INFERENCE_PRECISION_HINT": "bf16" if low else "f32", "ENABLE_CPU_PINNING": pinned}
        self._model = self._core.read_model(str(source.model))
        self._exact = _cut_times(self._core, self._model) if low else None
        if not low and _modulated(self._model):
            self._settings["SNIPPETS_MODE"] = "DISABLE"
        self._graphs: OrderedDict[tuple[int, int], list] = OrderedDict()
        self._graph(1, 1)
        self.facts = {"provider": "openvino CPU", "compute_precision": source.precision, "rest": "bf16" if low else "f32"}
        self.facts |= {"threads": self._threads, "requests": self._requests, "fixed": fixed, "pinned": pinned}

    def __call__(self, *inputs: Tensor):
        check_inputs(self._source.network, self._specs, inputs)
        batch = len(inputs[0])
        if self._exact is not None:
            times = self._exact([inputs[T].detach().contiguous().numpy()])
            inputs = (*inputs, *(torch.from_numpy(times[i]) for i in range(len(times))))
        shares = max(n for n in range(1, self._requests + 1) if batch % n == 0)
        requests = self._graph(batch // shares, shares)
        given = [[part.numpy() for part in x.detach().contiguous().chunk(shares)] for x in inputs]
        for request, parts in zip(requests, zip(*given, strict=True), strict=True):
            request.start_async(list(parts), share_inputs=True)
        for request in requests:
            request.wait()
        # torch.cat copies: a request overwrites its own outputs
        parts = [[torch.from_numpy(tensor.data) for tensor in request.output_tensors] for request in requests]
        outputs = tuple(torch.cat(shares) for shares in zip(*parts, strict=True))
        return outputs[0] if len(outputs) == 1 else outputs

    def _graph(self, batch: int, requests: int) -> list:
        """The requests that answer `requests` shares of `batch` at once."""
        key = (batch if self._fixed else 0, requests)
        if key not in self._graphs:
            while len(self._graphs) >= self._kept:
                self._graphs.popitem(last=False)
            compiled = self._compiled(batch, requests)
            self._graphs[key] = [compiled.create_infer_request() for _ in range(requests)]
        self._graphs.move_to_end(key)
        return self._graphs[key]

    def _compiled(self, batch: int, requests: int):
        import openvino

        model, source = self._model.clone(), self._source
        if self._fixed:
            model.reshape({port: openvino.PartialShape([batch, *list(port.partial_shape)[1:]]) for port in model.inputs})
        settings = self._settings | {"NUM_STREAMS": requests, "INFERENCE_NUM_THREADS": self._threads}
        try:
            compiled = self._core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:300]
            raise SessionUnavailable(f"session openvino cannot run {source.network} in {source.precision}: {reason}") from error
        precision = compiled.get_property("INFERENCE_PRECISION_HINT")
        if precision != getattr(openvino.Type, self._settings["INFERENCE_PRECISION_HINT"]):
            raise SessionUnavailable(f"session openvino computes {source.network} in {precision} on this CPU, not in {source.precision}")
        return compiled


def _modulated(model) -> bool:
    """Whether a group norm is scaled by what an Add made: (1 + scale) norm(x), the time's way into a guided-diffusion block."""
    norms = [node for node in model.get_ops() if node.get_type_name() == "GroupNormalization"]
    products = [
        into.get_node() for norm in norms for into in norm.output(0).get_target_inputs() if into.get_node().get_type_name() == "Multiply"
    ]
    return any(one.get_source_output().get_node().get_type_name() == "Add" for product in products for one in product.inputs())


def _cut_times(core, model):
    """Cuts `model` behind each sine and cosine, which become inputs after its own; what computes them from t in fp32, None if there are none."""
    import openvino
    from openvino import opset13

    ends = [node for node in model.get_ops() if node.get_type_name() in ("Sin", "Cos")]
    if not ends:
        return None
    head = openvino.Model([node.output(0) for node in ends], [model.get_parameters()[T]]).clone()  # type: ignore  # its stubs know two Models
    for node in ends:
        given = opset13.parameter(node.output(0).partial_shape, openvino.Type.f32)
        node.output(0).replace(given.output(0))
        model.add_parameters([given])
    model.validate_nodes_and_infer_types()
    return core.compile_model(head, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
