"""int8 before any file is made: which layers stay float, how many pictures are enough, when labels fail."""

from dataclasses import replace

import pytest

from export import networks, parity, quantize
from export.quantize import Calibration, LayerError
from helpers.small import small_backbone, small_denoiser
from runtime.errors import FvitError
from runtime.network import Weights


def network(kind: str):
    backbone, denoiser = networks.backbone(small_backbone()), networks.denoiser_step(small_denoiser())
    return {"backbone": backbone, "denoiser": denoiser, "fused": networks.classify_draws(denoiser, backbone)}[kind]


def test_the_worst_layers_go_first_until_the_rest_fits():
    errors = [LayerError(name, "Conv", error) for name, error in (("small", 0.03), ("huge", 0.5), ("large", 0.12), ("medium", 0.08))]
    assert quantize.spared(errors) == ["huge", "large"]  # what is left: sqrt(0.03^2 + 0.08^2) = 0.085
    assert quantize.spared(errors[:1]) == []


def test_too_few_calibration_pictures_are_refused():
    exact = network("backbone")
    with pytest.raises(FvitError, match=r"3 calibration pictures given \(holiday\), 16 or more are expected"):
        Calibration("holiday", (networks.example(exact, 3),))


@pytest.mark.parametrize("weights", [Weights("shipped", "trained"), Weights("file", "file vit_randomcrop.pt", "abc")], ids=str)
def test_wrong_labels_fail_parity_unless_the_weights_are_random(monkeypatch, weights):
    exact = network("backbone")
    images = networks.example(exact, 60)
    wanted = exact.module(*images)

    def turned(*inputs):
        out = wanted.clone()
        out[:9] = out[:9].roll(1, dims=1)
        return out

    monkeypatch.setattr(parity, "COSINE", {"int8": 0.0})
    monkeypatch.setattr(parity, "TOLERANCE", {"int8": 99.0})
    assert parity.check(exact, lambda *inputs: wanted, turned, "int8", [("pictures", images)]).labels < 0.98
    with pytest.raises(parity.ParityError, match=r"85\.0% of the labels are those of eager fp32 in int8, 98% are expected"):
        parity.check(replace(exact, weights=weights), lambda *inputs: wanted, turned, "int8", [("pictures", images)])
