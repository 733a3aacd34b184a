"""A network -> one ONNX file in the cache, written once and reused by its manifest.

The network is exported in the precision it computes in; an ONNX file converted afterwards came out invalid or wrong with every converter
tried. Opset 20 keeps ViT's Gelu and LayerNormalization whole, 21 the UNet's GroupNormalization, 22 is the first with bf16 convolutions.
"""

import importlib.metadata
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from timm.models.swin_transformer import WindowAttention

from export.networks import example
from runtime import artifact as artifacts
from runtime.artifact import Artifact
from runtime.errors import ArtifactError, FvitError
from runtime.maps.hooks import unfused
from runtime.network import Network
from runtime.provenance import commit

FIRST_OPSET = 20  # below it Gelu comes apart, and at 17 the UNet is an invalid model
OPSETS = {"fp32": 21, "fp16": 21, "bf16": 22}
ATTENTION_OPSET = 23  # the first with `Attention` as one operator; TensorRT reads it from 10.14
LARGEST_BATCH = 1024
PACKAGES = ("torch", "onnx", "onnxscript", "timm", "diffusers")


def export(network: Network, opset: int | None = None, root: Path | None = None) -> Artifact:
    """The artifact of `network` in `root` (the cache by default): the one already there if it holds these weights, else a new one."""
    opset = opset or default_opset(network)
    lowest = OPSETS["bf16"] if network.precision == "bf16" else FIRST_OPSET
    if not lowest <= opset <= ATTENTION_OPSET:
        raise FvitError(f"opset {opset} given for {network.precision}; {lowest} to {ATTENTION_OPSET} are expected")
    folder = place(network, opset, root)
    if folder.is_dir():
        return artifacts.read(folder, network.name, network.fingerprint)
    with artifacts.writing(folder) as temporary:
        _write(network, opset, temporary / artifacts.MODEL)
        versions = {name: importlib.metadata.version(name) for name in PACKAGES}
        facts = Artifact(
            folder, network.name, network.precision, opset, network.inputs, network.outputs,
            network.weights, network.fingerprint, {}, versions, commit(),
        )  # fmt: skip
        artifacts.write_manifest(facts, temporary)
    return artifacts.read(folder)


def place(network: Network, opset: int | None = None, root: Path | None = None) -> Path:
    """The folder of its artifact, whether or not it is there."""
    name = f"{network.name}-{network.precision}-opset{opset or default_opset(network)}-{network.fingerprint[:12]}"
    return (root or artifacts.cache()) / name


def default_opset(network: Network) -> int:
    """20 for a backbone alone, 21 as soon as there is a UNet, 22 for bf16."""
    return 20 if len(network.inputs) == 1 and network.precision != "bf16" else OPSETS[network.precision]


def _write(network: Network, opset: int, path: Path) -> None:
    axis = torch.export.Dim("batch", min=1, max=LARGEST_BATCH)
    device = next(network.module.parameters()).device
    inputs = tuple(x.to(device) for x in example(network, batch=2))  # a batch of 1 would be taken for a constant by older exporters
    # fused, Swin's window attention (TIMM_FUSED_ATTN=2 builds it so) cannot be exported with a dynamic batch
    with unfused(network.module, WindowAttention), _quiet(), torch.no_grad():
        program = torch.onnx.export(
            network.module,
            inputs,
            dynamo=True,
            opset_version=opset,
            input_names=[spec.name for spec in network.inputs],
            output_names=[spec.name for spec in network.outputs],
            dynamic_shapes=tuple({0: axis} for _ in inputs),
            verbose=False,
        )
        if program is None:
            raise ArtifactError(f"torch.onnx.export gave nothing for {network.name}; see its messages above")
        program.save(str(path), external_data=True)
    onnx.checker.check_model(str(path))
    for spec, value in zip(network.inputs, onnx.load(str(path), load_external_data=False).graph.input, strict=True):
        if value.name != spec.name or value.type.tensor_type.shape.dim[0].dim_param != "batch":
            raise ArtifactError(f"{network.name} lost input {spec.name} or its batch axis in the export (torch {torch.__version__})")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences the exporter: deprecation warnings inside torch, and one log line per rewriting rule."""
    level = logging.getLogger("onnxscript").level, logging.getLogger("torch.onnx").level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("onnxscript", "torch.onnx"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            logging.getLogger("onnxscript").setLevel(level[0])
            logging.getLogger("torch.onnx").setLevel(level[1])
