"""Parity: passes what computes the same, and names output, place and size of what does not."""

import pytest
import torch

from export import networks, parity
from export.parity import ParityError
from helpers.small import small_backbone
from runtime import plugins


@pytest.fixture(scope="module")
def network():
    return networks.backbone(small_backbone())


@pytest.fixture(scope="module")
def eager(network):
    return plugins.load("runtime.sessions", "eager").load(network, torch.device("cpu"))


def test_eager_agrees_with_itself(network, eager):
    found = parity.check(network, eager, eager, "fp32")
    assert (found.largest, found.cosine, found.labels, found.cases) == (0.0, 1.0, 1.0, 5)


def test_one_wrong_value_is_named_with_its_place(network, eager):
    def wrong(*inputs):
        out = eager(*inputs).clone()
        out[-1, 2] += 1.0
        return out

    with pytest.raises(ParityError, match=r"scores of vit_small_test, batch 1: differs by 1 at \(0, 2\)"):
        parity.check(network, eager, wrong, "fp32")


def test_nan_and_a_wrong_shape_are_refused(network, eager):
    with pytest.raises(ParityError, match="NaN or infinity"):
        parity.check(network, eager, lambda *inputs: eager(*inputs) * torch.nan, "fp32")
    with pytest.raises(ParityError, match=r"shape \(1, 2\) for \(1, 3\)"):
        parity.check(network, eager, lambda *inputs: eager(*inputs)[:, :2], "fp32")


def test_a_small_error_everywhere_passes_in_bf16_alone(network, eager):
    def noisy(*inputs):
        out = eager(*inputs)
        return out + 0.05 * out.std().nan_to_num(0.0)

    assert parity.check(network, eager, noisy, "bf16").relative < 0.3
    with pytest.raises(ParityError, match=r"where 0.002 is allowed in fp32"):
        parity.check(network, eager, noisy, "fp32")
