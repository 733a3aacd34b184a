"""Rollout equals the recorded maps of Transformer-Explainability's baseline."""

import torch
from models import vit
from oracle import tensors

from runtime.explainers import rollout


def test_recorded_maps():
    saved, images = tensors("chefer_vit/vit_s64.maps.npz"), tensors("vit_models/vit_s64.npz")["u8"].float() / 255
    explain = rollout.build(vit("vit_s64"))
    found = explain(images[saved["case_input"]], saved["case_class_resolved"]).flatten(1)
    wanted = saved["vit_new/rollout_s0"]
    torch.testing.assert_close(found, wanted, atol=1e-4 * wanted.max().item(), rtol=0)
