"""TensorRT 10.13 to 11 on an engine that `export/to_tensorrt.py` built, replayed as one CUDA graph for each batch size.

A captured graph holds for the shapes and the state of the execution context it was captured from; changing that context afterwards is
undefined (NVIDIA, TensorRT performance guide, CUDA graphs). So every batch size has its own context. All contexts share one
scratch memory, which is allowed as long as no two run at once: one stream runs them all.
No machine of this project has run this file yet; its names and signatures are checked against TensorRT's own bindings, 10 and 11
(tests/unit/export/test_tensorrt_api.py), its behaviour is not.
"""

from dataclasses import dataclass
from importlib.metadata import version

import torch
from torch import Tensor

from runtime.artifact import Artifact
from runtime.errors import ArtifactError, FvitError, SessionUnavailable
from runtime.network import check_inputs
from runtime.sessions._replay import replay
from runtime.sessions.engines import CURE, available, create, engine_facts, engine_path, failure, logger, machine, require

TAKES = "artifact"
PRECISIONS = ("fp32", "fp16", "bf16", "int8")
ALIGNMENT = 256  # bytes, asked for by set_tensor_address


def told(device: torch.device) -> str:
    return f"TensorRT {version('tensorrt')} on {device.type}"


def load(source: Artifact, on: torch.device) -> "Trt":
    return Trt(source, on)


@dataclass(frozen=True)
class Recorded:
    """The graph of one batch size and what it reads, writes and runs in; all of it must live as long as the graph."""

    graph: torch.cuda.CUDAGraph
    context: object
    inputs: list[Tensor]
    outputs: list[Tensor]


class Trt:
    """One engine with its stream, its scratch memory and a recorded graph for each batch size; the first call of a size records it."""

    def __init__(self, source: Artifact, on: torch.device):
        if why := available():
            raise SessionUnavailable(f"session trt: {why}")
        if on.type != "cuda":
            raise SessionUnavailable(f"session trt: device {on} given, cuda is expected", needs="cuda")
        self._device = torch.device("cuda", torch.cuda.current_device() if on.index is None else on.index)
        here = machine(self._device)
        plan = engine_path(source, here)
        facts = engine_facts(plan, source, here)
        self._name, self._specs, self._outputs = source.network, source.inputs, [spec.name for spec in source.outputs]
        self._largest, self._recorded = facts["batches"][-1], {}
        self._start(plan.read_bytes(), str(plan))
        precision = "tf32" if facts["tf32"] and source.precision == "fp32" else source.precision
        kept = {name: facts[name] for name in ("gpu", "batches", "level", "flags")}
        self.facts = {"provider": f"tensorrt {here.tensorrt}", "compute_precision": precision, "engine": plan.name, **kept}

    def _start(self, plan: bytes, name: str) -> None:
        import tensorrt as trt  # type: ignore

        with torch.cuda.device(self._device):
            self._log = logger()
            self._runtime = create(trt.Runtime, self._log)
            self._engine = require(self._runtime.deserialize_cuda_engine(plan), f"load {name}", self._log)
            self._dtypes = self._tensors(name)
            self._scratch = torch.empty(self._engine.device_memory_size_v2, dtype=torch.uint8, device=self._device)
            self._stream = torch.cuda.Stream(self._device)

    def _tensors(self, plan: str) -> dict[str, torch.dtype]:
        """Name -> type of what goes in and out; an engine with other names or types than the artifact's is refused."""
        import tensorrt as trt  # type: ignore

        known = {trt.DataType.FLOAT: torch.float32, trt.DataType.HALF: torch.float16, trt.DataType.BF16: torch.bfloat16}
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        taken = {name for name in names if self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT}
        dtypes = {name: known.get(self._engine.get_tensor_dtype(name)) for name in names}
        if taken != {spec.name for spec in self._specs} or set(names) - taken != set(self._outputs) or None in dtypes.values():
            came = ", ".join(f"{name} {dtype}" for name, dtype in dtypes.items())
            wanted = ", ".join([*(spec.name for spec in self._specs), *self._outputs])
            raise ArtifactError(f"{plan} has the tensors {came}; {wanted} of a floating-point type are expected; {CURE}", needs="engine")
        return {name: dtype for name, dtype in dtypes.items() if dtype is not None}

    def __call__(self, *inputs: Tensor):
        check_inputs(self._name, self._specs, inputs, self._largest)
        batch = inputs[0].shape[0]
        if batch not in self._recorded:
            self._recorded[batch] = self._record(batch)
        recorded = self._recorded[batch]
        return replay(recorded.graph.replay, inputs, recorded.inputs, recorded.outputs, self._stream)

    @torch.inference_mode()
    def _record(self, batch: int) -> Recorded:
        """Buffers, one plain run, which does the host's work for a new shape, then the same run captured."""
        with torch.cuda.device(self._device):
            context = self._context()
            inputs = [self._input(context, spec.name, (batch, *spec.shape)) for spec in self._specs]
            if missing := context.infer_shapes():
                raise failure(f"infer the shapes at batch {batch}; it misses {', '.join(missing)}", self._log.errors)
            outputs = [self._bound(context, name, tuple(context.get_tensor_shape(name))) for name in self._outputs]
            self._stream.wait_stream(torch.cuda.current_stream(self._device))
            require(context.execute_async_v3(self._stream.cuda_stream), f"run {self._name} at batch {batch}", self._log)
            self._stream.synchronize()
            graph = torch.cuda.CUDAGraph()
            try:
                with torch.cuda.graph(graph, stream=self._stream):
                    done = context.execute_async_v3(self._stream.cuda_stream)
            except RuntimeError as error:
                raise failure(f"capture {self._name} at batch {batch}", [str(error), *self._log.errors]) from error
            require(done, f"capture {self._name} at batch {batch}", self._log)
        return Recorded(graph, context, inputs, outputs)

    def _context(self):
        import tensorrt as trt  # type: ignore

        strategy = trt.ExecutionContextAllocationStrategy.USER_MANAGED
        context = require(self._engine.create_execution_context(strategy=strategy), "make an execution context", self._log)
        context.set_device_memory(self._scratch.data_ptr(), self._scratch.numel())
        return context

    def _input(self, context, name: str, shape: tuple[int, ...]) -> Tensor:
        require(context.set_input_shape(name, shape), f"take {name} as {shape}", self._log)
        return self._bound(context, name, shape)

    def _bound(self, context, name: str, shape: tuple[int, ...]) -> Tensor:
        """A buffer that TensorRT reads or writes as `name`. It trusts the address it gets, so what it asks of one is checked here."""
        buffer = torch.zeros(shape, dtype=self._dtypes[name], device=self._device)
        if not buffer.is_contiguous() or buffer.data_ptr() % ALIGNMENT:
            raise FvitError(
                f"the buffer of {name} lies at {buffer.data_ptr():#x}; a contiguous one at a multiple of {ALIGNMENT} is expected"
            )
        require(context.set_tensor_address(name, buffer.data_ptr()), f"take a buffer for {name}", self._log)
        return buffer
