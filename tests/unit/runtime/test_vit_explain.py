"""Rollout and gradient rollout with head fusion and discard ratio equal the recorded maps of vit-explain."""

import pytest
import torch

from helpers.models import vit
from helpers.oracle import tensors
from runtime.explainers import grad_rollout, rollout

RATIOS = (0.0, 0.5, 0.9, 0.99)


@pytest.fixture(scope="module", params=["vit_s64", "vit_t224"])
def recorded(request):
    saved = tensors(f"vit_explain_rollout/{request.param}.npz")
    return vit(request.param), saved, tensors(f"vit_models/{request.param}.npz")["u8"].float() / 255


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
def test_rollout(recorded, fusion, ratio):
    backbone, saved, images = recorded
    wanted = saved[f"rollout/{fusion}/discard_{ratio}"]
    images = images[: len(wanted)]
    found = rollout.build(backbone, fusion=fusion, discard=ratio, normalise="columns")(images, torch.zeros(len(images), dtype=torch.int64))
    alike(found, wanted)


@pytest.mark.parametrize("ratio", RATIOS)
def test_grad_rollout(recorded, ratio):
    backbone, saved, images = recorded
    wanted, classes = saved[f"grad_rollout_matched_order/discard_{ratio}"], saved["grad_rollout_class"]
    alike(grad_rollout.build(backbone, discard=ratio, normalise="columns")(images[: len(wanted)], classes), wanted)


def alike(found: torch.Tensor, wanted: torch.Tensor) -> None:
    """Divided by the maximum as there, which is undefined for a map of zeros; an entry at the cut may fall on the other side of it."""
    found = found / found.amax((1, 2), keepdim=True)
    assert torch.equal(found.isnan(), wanted.isnan())
    off = (found - wanted).nan_to_num().abs() > 1e-4
    assert off.float().mean() <= 0.02, (found - wanted).nan_to_num().abs().max()
