"""int8: Q/DQ around the layers with weights alone, legal for TensorRT, close to fp32; layers kept by name or by measurement; bad input."""

from dataclasses import replace

import onnx
import pytest
import torch
from operators import unsupported
from small import small_backbone, small_denoiser

from export import networks, parity, quantize, to_onnx
from export.quantize import Calibration, Layer
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


def test_layers_are_kept_by_measurement(monkeypatch):
    exact, lines = network("backbone"), []
    monkeypatch.setattr(quantize, "BUDGET", 1e-9)
    everything = quantize.export(exact, calibration(exact), quantize.AUTO, lines.append)
    measured = everything.quantized["layers"]
    assert len(everything.quantized["kept"]) == len(measured) == len(lines) == len(quantize.layers(to_onnx.export(exact)))
    assert [layer["error"] for layer in measured] == sorted((layer["error"] for layer in measured), reverse=True)
    assert all(0 < layer["error"] < 0.5 for layer in measured)


def test_the_worst_layers_go_first_until_the_rest_fits():
    errors = [Layer(name, "Conv", error) for name, error in (("small", 0.03), ("huge", 0.5), ("large", 0.12), ("medium", 0.08))]
    assert quantize.spared(errors) == ["huge", "large"]  # what is left: sqrt(0.03^2 + 0.08^2) = 0.085
    assert quantize.spared(errors[:1]) == []


def test_too_few_calibration_pictures_are_refused():
    exact = network("backbone")
    with pytest.raises(FvitError, match=r"3 calibration pictures came \(holiday\), 16 or more are wanted"):
        Calibration("holiday", (networks.example(exact, 3),))


def test_wrong_labels_fail_parity_with_trained_weights_alone():
    exact = network("backbone")
    images = networks.example(exact, 60)
    wanted = exact.module(*images)

    def turned(*inputs):
        out = wanted.clone()
        out[:3] = out[:3].roll(1, dims=1)
        return out

    trained = replace(exact, weights="trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity, "COSINE", {"int8": 0.0})
        patch.setattr(parity, "TOLERANCE", {"int8": 99.0})
        assert parity.check(exact, lambda *inputs: wanted, turned, "int8", [("pictures", images)]).labels < 0.98
        with pytest.raises(parity.ParityError, match=r"95\.0% of the labels are those of eager fp32 in int8, 98% are wanted"):
            parity.check(trained, lambda *inputs: wanted, turned, "int8", [("pictures", images)])
