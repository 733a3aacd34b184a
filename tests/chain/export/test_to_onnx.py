"""Exports: found again, refused when stale, names and batch axis kept, nothing half written, every precision."""

import shutil

import onnx
import pytest
import torch
from timm.layers import set_fused_attn
from timm.models.swin_transformer import SwinTransformer, WindowAttention

from export import networks, parity, to_onnx
from helpers.operators import unsupported
from helpers.small import small_backbone, small_denoiser
from runtime import plugins
from runtime.artifact import MODEL
from runtime.backbones import build as backbones
from runtime.errors import ArtifactError, SessionUnavailable

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def fused():
    return networks.classify_draws(networks.denoiser_step(small_denoiser()), networks.backbone(small_backbone()), with_denoised=True)


def test_made_once_and_found_again(tmp_path):
    network = networks.backbone(small_backbone())
    first = to_onnx.export(network, root=tmp_path)
    stamp = first.model.stat().st_mtime_ns
    assert to_onnx.export(network, root=tmp_path) == first and first.model.stat().st_mtime_ns == stamp
    assert first.size > first.model.stat().st_size and first.versions["torch"] == torch.__version__.split("+")[0]


def test_names_and_batch_axis_are_kept(fused):
    graph = onnx.load(str(to_onnx.export(fused).model), load_external_data=False).graph
    assert [x.name for x in graph.input] == ["noisy", "t", "sigma"] and [x.name for x in graph.output] == ["scores", "denoised"]
    assert all(x.type.tensor_type.shape.dim[0].dim_param == "batch" for x in (*graph.input, *graph.output))


def test_an_altered_export_is_refused_when_found_again(fused, tmp_path):
    kept = to_onnx.export(fused)
    shutil.copytree(kept.folder, tmp_path / kept.folder.name)
    artifact = to_onnx.export(fused, root=tmp_path)
    data = bytearray(artifact.model.read_bytes())
    data[len(data) // 2] ^= 1
    artifact.model.write_bytes(data)
    with pytest.raises(ArtifactError, match="was altered"):
        to_onnx.export(fused, root=tmp_path)


def test_a_full_disk_leaves_no_half_file(fused, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        (args[2].parent / MODEL).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(to_onnx, "_write", full)
    with pytest.raises(ArtifactError, match=r"No space left on device.*FVIT_CACHE"):
        to_onnx.export(fused, root=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_lower_precisions_pass_parity_or_say_why_not(fused, precision):
    denoiser, backbone = (networks.denoiser_step(small_denoiser(), precision), networks.backbone(small_backbone(), precision))
    low = networks.classify_draws(denoiser, backbone, with_denoised=True)
    artifact = to_onnx.export(low)
    assert artifact.precision == precision and artifact.opset == (22 if precision == "bf16" else 21)
    eager, ort = plugins.load("runtime.sessions", "eager"), plugins.load("runtime.sessions", "ort")
    assert parity.check(fused, eager.load(fused, CPU), eager.load(low, CPU), precision).cases == 10
    if precision == "bf16":  # ONNX Runtime's CPU provider has no bf16 convolution
        with pytest.raises(SessionUnavailable, match="in bf16: CPUExecutionProvider"):
            ort.load(artifact, CPU)
    else:
        assert parity.check(fused, eager.load(fused, CPU), ort.load(artifact, CPU), precision).cases == 10


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
@pytest.mark.parametrize("kind", ["backbone", "denoiser"])
def test_each_part_alone_exports_in_lower_precision(kind, precision):
    low = networks.backbone(small_backbone(), precision) if kind == "backbone" else networks.denoiser_step(small_denoiser(), precision)
    artifact = to_onnx.export(low)
    weights = {onnx.TensorProto.DataType.Name(x.data_type) for x in onnx.load(str(artifact.model)).graph.initializer if x.dims}
    assert artifact.precision == precision and {"fp16": "FLOAT16", "bf16": "BFLOAT16"}[precision] in weights


@pytest.mark.parametrize(
    ("opset", "name"), [(20, "vit_embedded"), (20, "deit_embedded"), (20, "swin_embedded"), (23, "vit_embedded"), (23, "swin_embedded")]
)
def test_every_family_exports_with_operators_that_tensorrt_reads(name, opset):
    network = networks.backbone(backbones.build(name))
    artifact = to_onnx.export(network, opset)
    model = onnx.load(str(artifact.model))
    assert unsupported(model, "fp32") == []
    kinds = {node.op_type for node in model.graph.node}
    assert ("Attention" in kinds) == (opset == 23 and name != "swin_embedded")
    assert {"LayerNormalization", "Gelu"} <= kinds
    eager, ort = plugins.load("runtime.sessions", "eager"), plugins.load("runtime.sessions", "ort")
    assert parity.check(network, eager.load(network, CPU), ort.load(artifact, CPU), "fp32").labels == 1.0


def test_swin_that_was_built_with_fused_windows_exports(tmp_path):
    """TIMM_FUSED_ATTN=2 in the environment; the network is as it was afterwards."""
    set_fused_attn(True, experimental=True)
    try:
        model = SwinTransformer(
            img_size=32, patch_size=4, embed_dim=8, depths=(2, 2), num_heads=(2, 2), window_size=4, num_classes=3
        )  # the second block is shifted and masked
        network = networks.backbone(backbones.wrap("tiny_swin", model, tuple("abc"), (0.5,) * 3, (0.5,) * 3, 32))
    finally:
        set_fused_attn(True, experimental=False)
    windows = [part for part in network.module.modules() if isinstance(part, WindowAttention)]
    assert windows and all(part.fused_attn for part in windows)
    artifact = to_onnx.export(network, 23, tmp_path)
    assert all(part.fused_attn for part in windows)
    assert "Attention" not in {node.op_type for node in onnx.load(str(artifact.model)).graph.node}  # what fused attention becomes
    session = plugins.load("runtime.sessions", "ort").load(artifact, CPU)
    x = torch.rand(3, *network.inputs[0].shape)
    with torch.no_grad():
        assert torch.allclose(session(x), network.module(x), atol=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_the_fused_graph_has_operators_that_tensorrt_reads(precision):
    parts = networks.denoiser_step(small_denoiser(), precision), networks.backbone(small_backbone(), precision)
    model = onnx.load(str(to_onnx.export(networks.classify_draws(*parts, with_denoised=True)).model))
    assert unsupported(model, precision) == []
    assert "GroupNormalization" in {node.op_type for node in model.graph.node}
