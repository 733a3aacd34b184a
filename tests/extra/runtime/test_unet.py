"""The published diffusion model's own size, 552.8 M parameters, with random weights: half a minute."""

import torch

from helpers.oracle import tensors, weights
from runtime.diffusion import unet

CLOSE = {"atol": 1e-4, "rtol": 1e-4}


def test_the_published_architecture_with_random_weights():
    recorded = tensors("guided_diffusion/unet_full256_uncond.npz")
    model = unet.from_guided(weights("guided_diffusion/unet_full256_uncond"), "unet_full256_uncond")
    assert sum(p.numel() for p in model.parameters()) == 552_814_086
    with torch.inference_mode():
        torch.testing.assert_close(model(recorded["x"], recorded["t"]), recorded["out"], **CLOSE)
