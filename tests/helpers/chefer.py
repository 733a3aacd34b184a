"""Transformer-Explainability's ViTs and maps, recorded in float64, and ours on timm's own modules."""

import functools

import pytest
import torch

from helpers.models import vit
from helpers.oracle import tensors
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


def agrees_in_float64(model: str, key: str) -> None:
    """Our map `key` of `model` is the recorded one."""
    saved, images, classes = cases(model, torch.float64)
    if f"f64/{key}" not in saved:
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


def scaled(maps: torch.Tensor) -> torch.Tensor:
    """To [0, 1], as the public code ends."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low)
