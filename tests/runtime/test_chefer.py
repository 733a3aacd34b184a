"""Every map of Transformer-Explainability's ViT, recorded in float64 and float32, from ours on timm's own modules."""

import functools
import json

import pytest
import torch
from models import vit
from oracle import need, tensors

from runtime.maps import attention, relevance
from runtime.maps.layers import anatomy
from runtime.plugins import load
from runtime.protocols import Backbone

VARIANTS = {
    "vit_new/raw_attn_last": ("raw_attention", {"layer": -1}),
    "vit_new/rollout_s0": ("rollout", {}),
    "vit_new/rollout_s1": ("rollout", {"start_layer": 1}),
    "vit_new/gradcam_attn": ("gradcam", {}),
}
for key, rules in (("ours", "chefer"), ("orig_lrp", "original")):
    VARIANTS |= {
        f"{key}/transformer_attribution_s{s}": ("vta", {"start_layer": s, "rules": rules}) for s in (0, 1)
    } | {
        f"{key}/lrp_rollout_s{s}": ("attribution_rollout", {"start_layer": s, "rules": rules}) for s in (0, 1)
    } | {
        f"{key}/full": ("lrp", {"rules": rules}),
        f"{key}/last_layer_attn": ("raw_attention", {"layer": -1}),
    } | {
        f"{key}/{name}_layer{ablation}": ("lrp", {"form": "partial", "rules": rules, "layer": layer, "gradients": bool(ablation)})
        for name, layer in (("last", -1), ("second", 1)) for ablation in ("", "_ablation")
    }  # fmt: skip
VARIANTS |= {
    "ours_eps1e-6/transformer_attribution_s0": VARIANTS["ours/transformer_attribution_s0"],
    "ours_eps1e-6/lrp_rollout_s0": VARIANTS["ours/lrp_rollout_s0"],
    "ours_eps1e-6/last_layer": VARIANTS["ours/last_layer"],
}
MODELS = ("vit_s64", "vit_t224", "vit_base")


def backbone(model: str, key: str, dtype: torch.dtype) -> Backbone:
    """The recorded network; its LRP variants were run with a final norm of eps 1e-5, `ours_eps1e-6` and the others with timm's."""
    return built(model, dtype, key.split("/")[0] in ("ours", "orig_lrp"))


@functools.lru_cache(1)
def built(model: str, dtype: torch.dtype, wide: bool) -> Backbone:
    found = vit(model)
    found.model.to(dtype)
    if wide:
        found.model.get_submodule("model.norm").eps = 1e-5
    return found


@functools.cache
def cases(model: str, dtype: torch.dtype):
    saved = tensors(f"chefer_vit/{model}.maps.npz")
    images = tensors(f"vit_models/{model}.npz")["u8"].to(dtype) / 255
    return saved, images[saved["case_input"]], saved["case_class_resolved"]


@pytest.mark.parametrize("key", VARIANTS)
@pytest.mark.parametrize("model", MODELS)
def test_maps_in_float64(model, key):
    saved, images, classes = cases(model, torch.float64)
    if model == "vit_base" and f"f64/{key}" not in saved:
        pytest.skip(f"{key} of {model} was not recorded")
    name, options = VARIANTS[key]
    wanted = saved[f"f64/{key}"]
    found = load("runtime.explainers", name).build(backbone(model, key, torch.float64), **options)(images, classes)
    found = scaled(found) if name == "gradcam" else found
    sharp = 1e-7 if wanted.dtype == torch.float64 else 1e-6  # some arrays were rounded to float32 for storage
    close = {
        "atol": sharp * wanted.nan_to_num().abs().max().item(),
        "rtol": 0,
        "equal_nan": True,
    }  # scaling an all-zero map gives NaN in both
    torch.testing.assert_close(found.flatten(1), wanted.double().flatten(1), **close)


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
        layers = anatomy(network).layers
        seen = attention.seen(network.model, images[case], classes[case], layers, whole=True)
        shared = attention.relevance(network.model, seen.record, classes[case], relevance.RULES[rules], layers)
        for found, wanted in ((torch.cat(shared), f"f64/{key}/attn_cam__case0"), (torch.cat(seen.gradients), "f64/attn_grad__case0")):
            torch.testing.assert_close(found, recorded[wanted].squeeze(), atol=1e-7 * recorded[wanted].abs().max().item(), rtol=0)


def scaled(maps: torch.Tensor) -> torch.Tensor:
    """To [0, 1], as the public code ends."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low)
