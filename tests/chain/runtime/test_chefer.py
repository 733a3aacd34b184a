"""Every map of Transformer-Explainability's ViT, recorded in float64 and float32, from ours on timm's own modules."""

import json

import pytest
import torch

from helpers.chefer import VARIANTS, agrees_in_float64, backbone, cases, scaled
from helpers.oracle import need, tensors
from runtime.maps import attention, relevance
from runtime.maps.layers import structure
from runtime.plugins import load


@pytest.mark.parametrize("key", VARIANTS)
@pytest.mark.parametrize("model", ["vit_s64", "vit_t224"])
def test_maps_in_float64(model, key):
    agrees_in_float64(model, key)


@pytest.mark.parametrize("key", ["ours/transformer_attribution_s0", "vit_new/rollout_s0"])
def test_maps_of_the_papers_size(key):
    """One that goes back through every layer and one that goes through attention alone; all others are in tests/extra."""
    agrees_in_float64("vit_base", key)


@pytest.mark.parametrize("key", VARIANTS)
def test_maps_in_float32(key):
    """The README's remark: LRP maps are badly conditioned, each case's own error between the reference's two precisions is the measure."""
    saved, images, classes = cases("vit_s64", torch.float32)
    name, options = VARIANTS[key]
    found = load("runtime.explainers", name).build(backbone("vit_s64", key, torch.float32), **options)(images, classes)
    found = scaled(found) if name == "gradcam" else found
    conditions = json.loads(need("chefer_vit/conditioning.json").read_text())["vit_s64"].get(key)
    wanted = saved[key].flatten(1)
    assert torch.equal(found.flatten(1).isnan(), wanted.isnan())
    errors = (found.flatten(1) - wanted).nan_to_num().abs().amax(1) / wanted.nan_to_num().abs().amax(1).clamp_min(1e-30)
    for case, error in enumerate(errors.tolist()):
        own = conditions["f32_rel_max"][case] if conditions else 0.0
        if not own > 0.1:  # NaN where the map is all zero
            assert error <= max(1e-4, 10 * (own if own == own else 0.0)), f"case {case}: {error} and the reference's own is {own}"


def test_intermediates_in_float64():
    """Attention relevance and gradients of every block, in both rule sets."""
    _, images, classes = cases("vit_s64", torch.float64)
    recorded = tensors("chefer_vit/vit_s64.intermediates.npz")
    case = slice(0, 1)
    for key, rules in (("ours", "chefer"), ("orig_lrp", "original")):
        network = backbone("vit_s64", key, torch.float64)
        layers = structure(network).layers
        seen = attention.seen(network.model, images[case], classes[case], layers, whole=True)
        shared = attention.relevance(network.model, seen.record, classes[case], relevance.RULES[rules], layers)
        for found, wanted in ((torch.cat(shared), f"f64/{key}/attn_cam__case0"), (torch.cat(seen.gradients), "f64/attn_grad__case0")):
            torch.testing.assert_close(found, recorded[wanted].squeeze(), atol=1e-7 * recorded[wanted].abs().max().item(), rtol=0)
