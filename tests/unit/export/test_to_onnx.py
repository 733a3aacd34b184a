"""What is said of a network before it is exported: its fingerprint, precision and opset."""

from dataclasses import replace

import pytest
import torch

from export import networks, to_onnx
from helpers.small import small_backbone, small_denoiser
from runtime.errors import FvitError
from runtime.network import Weights, at_precision, randomize


@pytest.fixture(scope="module")
def fused():
    return networks.classify_draws(networks.denoiser_step(small_denoiser()), networks.backbone(small_backbone()), with_denoised=True)


@pytest.mark.parametrize("changed", ["denoiser", "backbone"])
def test_new_weights_of_either_part_are_another_artifact(fused, changed):
    """The first characters of the fingerprint name the folder: a backbone trained again must not meet the old one's export."""
    denoiser, backbone = small_denoiser(), small_backbone()
    randomize({"denoiser": denoiser, "backbone": backbone}[changed].model, 9)
    other = networks.classify_draws(networks.denoiser_step(denoiser), networks.backbone(backbone), with_denoised=True)
    assert other.fingerprint[:12] != fused.fingerprint[:12] and len(other.fingerprint) == 64


def test_times_stay_float32_in_low_precision():
    low = networks.denoiser_step(small_denoiser(), "bf16")
    inputs = [x.repeat(2, *[1] * (x.ndim - 1)) for x in networks.example(low, 1)]
    inputs[1] = torch.tensor([257.0, 258.0])
    out = low.module(*inputs)
    assert out.dtype == torch.float32 and not torch.equal(out[0], out[1])


@pytest.mark.parametrize(("opset", "precision", "lowest"), [(17, "fp32", 20), (19, "fp32", 20), (24, "fp32", 20), (21, "bf16", 22)])
def test_an_opset_that_was_not_tried_is_refused(fused, tmp_path, opset, precision, lowest):
    with pytest.raises(FvitError, match=f"opset {opset} given for {precision}; {lowest} to 23 are expected"):
        to_onnx.export(replace(fused, precision=precision), opset, tmp_path)


def test_an_unknown_precision_names_the_known_ones(fused):
    with pytest.raises(FvitError, match="unknown precision 'fp12'; known: fp32, fp16, bf16"):
        at_precision(fused, "fp12")


@pytest.mark.parametrize(
    ("kinds", "wanted"),
    [(("shipped", "shipped"), "shipped"), (("shipped", "file"), "file"), (("random", "file"), "random"), (("random", "shipped"), "random")],
)
def test_the_weights_of_classify_draws_are_the_least_trusted_of_both_parts(kinds, wanted):
    parts = (networks.denoiser_step(small_denoiser()), networks.backbone(small_backbone()))
    eps, scores = (
        replace(part, weights=Weights(kind, f"{kind} {i}", "f00d")) for i, (part, kind) in enumerate(zip(parts, kinds, strict=True))
    )
    found = networks.classify_draws(eps, scores).weights
    assert found.kind == wanted and len(found.sha) == 64
    assert found.name == f"{eps.name}: {kinds[0]} 0; {scores.name}: {kinds[1]} 1"
