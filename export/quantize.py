"""A network -> int8, after training: the layers with weights in 8 bits, everything else unchanged (static, explicit Q/DQ).

    x ~ s q,   W_c ~ s_c q_c,   q whole in [-128, 127];   s = max |x| / 127 over calibration inputs,   s_c = max |W_c| / 127

One scale for a layer's input, one for each of its output channels. Biases stay float (TensorRT reads no int32), and so do a layer's
output, which OpenVINO would fold into the next operation at a loss (cosine 0.983 in place of 0.9999 on the embedded ViT), and attention's
two products, which hold no weights.
"""

import ast
import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import onnx
import torch
from torch import Tensor

from export import to_onnx
from runtime import artifact as artifacts
from runtime.artifact import Artifact
from runtime.errors import FvitError
from runtime.network import Network
from runtime.sessions.ort import library

KINDS = ("Conv", "MatMul", "Gemm")
FEWEST = 16  # pictures: with fewer, a layer's largest value is mostly chance
BUDGET = 0.1  # of the output's deviation; a cosine of 0.99 is an error of 0.14
AUTO = ("auto",)  # measure, and keep what `spared` names


@dataclass(frozen=True)
class Calibration:
    """Inputs of one network in batches, and a description of them."""

    source: str
    batches: tuple[tuple[Tensor, ...], ...]

    def __post_init__(self):
        if (count := sum(len(batch[0]) for batch in self.batches)) < FEWEST:
            raise FvitError(f"{count} calibration pictures given ({self.source}), {FEWEST} or more are expected for int8")

    @property
    def digest(self) -> str:
        """SHA-256 of all input values."""
        digest = hashlib.sha256()
        for x in (x for batch in self.batches for x in batch):
            digest.update(x.cpu().numpy().tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class LayerError:
    """A layer that can be int8; `error`: the network's root mean square error over the output's deviation when this layer alone is int8."""

    name: str
    kind: str
    error: float


def export(
    network: Network, calibration: Calibration, keep: Sequence[str] = AUTO, say: Callable[[str], None] = lambda line: None
) -> Artifact:
    """The int8 artifact of a float32 `network`, made once for these calibration inputs; `keep`: layers that stay float, or `AUTO`.

    An unknown layer is refused. `say` gets the progress of the measurement of `AUTO`, line by line.
    """
    exact = to_onnx.export(network)
    mark = hashlib.sha256(f"{calibration.digest} {sorted(keep)}".encode()).hexdigest()[:12]
    folder = exact.folder.parent / f"{network.name}-int8-{network.fingerprint[:12]}-{mark}"
    if folder.is_dir():
        return artifacts.read(folder, network.name, network.fingerprint)
    with ranges(exact, calibration) as ranges_file, artifacts.writing(folder) as temporary:
        measured = sensitivity(exact, calibration, ranges_file, say) if tuple(keep) == AUTO else []
        kept = spared(measured) if measured else known_layers(exact, keep)
        nodes = [node for name, (node, _) in layers(exact).items() if name not in kept]
        write(exact, ranges_file, nodes, temporary / artifacts.MODEL)
        facts = {
            "calibration": calibration.source,
            "calibration_sha256": calibration.digest,
            "kept": kept,
            "layers": [asdict(layer) for layer in measured],
        }
        artifacts.write_manifest(replace(exact, precision="int8", quantized=facts), temporary)
    return artifacts.read(folder)


def layers(exact: Artifact) -> dict[str, tuple[str, str]]:
    """PyTorch's name of every layer of the file that multiplies by a stored weight -> its node and operator there."""
    graph = onnx.load(str(exact.model), load_external_data=False).graph
    stored = {weight.name for weight in graph.initializer}
    return {_module(node): (node.name, node.op_type) for node in graph.node if node.op_type in KINDS and node.input[1] in stored}


def _module(node: onnx.NodeProto) -> str:
    """The module that a node was exported from: the exporter leaves its path, module by module and the operator last, beside the node."""
    scopes = next((prop.value for prop in node.metadata_props if prop.key == "pkg.torch.onnx.name_scopes"), None)
    return ast.literal_eval(scopes)[-2] if scopes else node.name


def sensitivity(exact: Artifact, calibration: Calibration, ranges_file: Path, say: Callable[[str], None]) -> list[LayerError]:
    """Every layer alone in int8, on the first batch of the calibration; the worst first."""
    inputs = _named(exact, calibration.batches[0])
    wanted, measured, all_layers = _run(exact.model, inputs), [], layers(exact)
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, (node, kind)) in enumerate(all_layers.items(), 1):
            say(f"layer {number} of {len(all_layers)} alone in int8: {name}")
            write(exact, ranges_file, [node], Path(folder) / artifacts.MODEL)
            error = _run(Path(folder) / artifacts.MODEL, inputs) - wanted
            measured.append(LayerError(name, kind, (error.square().mean().sqrt() / wanted.std()).item()))
    return sorted(measured, key=lambda layer: -layer.error)


def spared(measured: Sequence[LayerError]) -> list[str]:
    """The fewest layers, the worst first, that bring the error expected of all others down to BUDGET: independent errors add in squares."""
    left, kept = sum(layer.error**2 for layer in measured), []
    for layer in sorted(measured, key=lambda layer: -layer.error):
        if left <= BUDGET**2:
            break
        left -= layer.error**2
        kept.append(layer.name)
    return kept


def known_layers(exact: Artifact, keep: Sequence[str]) -> list[str]:
    """`keep`, refused where it names no layer of the file."""
    if strange := [name for name in keep if name not in layers(exact)]:
        raise FvitError(f"{exact.network} has no layer {', '.join(strange)}; its layers are listed where they are measured", needs="layers")
    return list(keep)


@contextmanager
def ranges(exact: Artifact, calibration: Calibration) -> Iterator[Path]:
    """A file with the least and largest value of every layer's input over the calibration, while the block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ranges.json"
        _quantize(exact, path, [], Path(folder) / artifacts.MODEL, calibration)
        yield path


def write(exact: Artifact, ranges_file: Path, nodes: Sequence[str], target: Path) -> None:
    """`exact` with `nodes` in int8, their ranges read from the file `ranges_file`."""
    _quantize(exact, ranges_file, nodes, target, None)


def _quantize(exact: Artifact, ranges_file: Path, nodes: Sequence[str], target: Path, calibration: Calibration | None) -> None:
    library()
    from onnxruntime.quantization import QuantType, quantize_static

    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # it advises a step that our exports do not need
    try:
        quantize_static(
            str(exact.model),
            str(target),
            None if calibration is None else _Reader(exact, calibration),  # type: ignore[arg-type]
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=list(nodes) or ["none"],  # an empty list would mean all
            op_types_to_quantize=list(KINDS),
            use_external_data_format=True,
            calibration_cache_path=ranges_file,
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "QuantizeBias": False,
                "OpTypesToExcludeOutputQuantization": list(KINDS),
            },
        )
    finally:
        logging.getLogger().setLevel(level)


class _Reader:
    """What ONNX Runtime's calibration asks for: one batch after another, then None."""

    def __init__(self, exact: Artifact, calibration: Calibration):
        self._batches = iter([_named(exact, batch) for batch in calibration.batches])

    def get_next(self) -> dict | None:
        return next(self._batches, None)


def _named(exact: Artifact, inputs: Sequence[Tensor]) -> dict:
    return {spec.name: x.cpu().numpy() for spec, x in zip(exact.inputs, inputs, strict=True)}


def _run(model: Path, inputs: dict) -> Tensor:
    """The first output of an ONNX file on ONNX Runtime's CPU provider."""
    onnxruntime = library()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 3
    return torch.from_numpy(onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"]).run(None, inputs)[0])
