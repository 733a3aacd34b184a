"""int8: Q/DQ around the layers with weights alone, legal for TensorRT, close to fp32; layers kept by name or by measurement; bad input."""

import onnx
import pytest
import torch

from export import networks, parity, quantize, to_onnx
from export.quantize import Calibration
from helpers.operators import unsupported
from helpers.small import small_backbone, small_denoiser
from runtime import plugins
from runtime.errors import FvitError

CPU = torch.device("cpu")


def network(kind: str):
    backbone, denoiser = networks.backbone(small_backbone()), networks.denoiser_step(small_denoiser())
    return {"backbone": backbone, "denoiser": denoiser, "fused": networks.classify_draws(denoiser, backbone)}[kind]


def calibration(of, seed: int = 0) -> Calibration:
    return Calibration("made for a test", tuple(networks.example(of, 8, seed + i) for i in range(2)))


@pytest.fixture(scope="module", params=["backbone", "denoiser", "fused"])
def made(request):
    exact = network(request.param)
    return exact, quantize.export(exact, calibration(exact), keep=())


def test_every_layer_with_weights_and_nothing_else(made):
    exact, artifact = made
    graph = onnx.load(str(artifact.model)).graph
    zeros = {x.name: onnx.numpy_helper.to_array(x) for x in graph.initializer if x.name.endswith("zero_point")}
    assert zeros and all(zero.dtype == "int8" and not zero.any() for zero in zeros.values())
    names = {node for node, _ in quantize.layers(to_onnx.export(exact)).values()}
    given = {x: node for node in graph.node for x in node.output}
    for node in graph.node:
        if node.op_type in quantize.KINDS:
            quantized = [given[x].op_type == "DequantizeLinear" for x in node.input[:2] if x in given]
            assert (len(quantized) == 2 and all(quantized)) == (node.name in names)
    assert unsupported(onnx.load(str(artifact.model)), "fp32") == []


def test_close_to_fp32_on_other_pictures(made):
    exact, artifact = made
    ort = plugins.load("runtime.sessions", "ort").load(artifact, CPU)
    found = parity.check(exact, exact.module, ort, "int8", [("other pictures", networks.example(exact, 16, seed=9))])
    assert found.largest > 0 and ort.facts["compute_precision"] == "int8"


def test_made_once_and_again_for_another_calibration(made):
    exact, artifact = made
    assert quantize.export(exact, calibration(exact), keep=()) == artifact
    assert quantize.export(exact, calibration(exact, seed=5), keep=()).folder != artifact.folder


def test_layers_are_kept_by_name_or_refused():
    exact = network("backbone")
    kept = quantize.export(exact, calibration(exact), keep=("model.head",))
    nodes = quantize.layers(to_onnx.export(exact))
    graph = onnx.load(str(kept.model)).graph
    given = {x: node.op_type for node in graph.node for x in node.output}
    (head,) = [node for node in graph.node if node.name == nodes["model.head"][0]]
    assert given.get(head.input[0]) != "DequantizeLinear" and kept.quantized["kept"] == ["model.head"]
    with pytest.raises(FvitError, match=r"vit_small_test has no layer model\.tail"):
        quantize.export(exact, calibration(exact), keep=("model.tail",))


def test_layers_are_kept_by_measurement(monkeypatch, own_cache):
    exact, lines = network("backbone"), []
    monkeypatch.setattr(quantize, "BUDGET", 1e-9)
    everything = quantize.export(exact, calibration(exact), quantize.AUTO, lines.append)
    measured = everything.quantized["layers"]
    assert len(everything.quantized["kept"]) == len(measured) == len(lines) == len(quantize.layers(to_onnx.export(exact)))
    assert [layer["error"] for layer in measured] == sorted((layer["error"] for layer in measured), reverse=True)
    assert all(0 < layer["error"] < 0.5 for layer in measured)
