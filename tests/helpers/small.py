"""The smallest networks that have every part: seconds to export."""

import torch
from diffusers import UNet2DModel
from timm.models.vision_transformer import VisionTransformer

from runtime.backbones import build as backbone
from runtime.diffusion import schedule, unet
from runtime.diffusion.networks import DenoiserNetwork
from runtime.network import random_weights, randomize
from runtime.protocols import Backbone

CLASSES = tuple("abc")


def small_backbone() -> Backbone:
    """A ViT of two blocks at 24 px."""
    model = VisionTransformer(img_size=24, patch_size=8, embed_dim=32, depth=2, num_heads=2, num_classes=3)
    return backbone.wrap("vit_small_test", model, CLASSES, (0.5,) * 3, (0.5,) * 3, size=24)


def small_denoiser() -> DenoiserNetwork:
    """A UNet of two levels with attention at 16 px, on a grid that is not the backbone's."""
    model = unet.EpsNetwork(
        UNet2DModel(
            block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, attention_head_dim=8,
            down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        )
    )  # fmt: skip
    randomize(model, 3)
    return DenoiserNetwork("unet_small_test", model.eval().requires_grad_(False), 32, 3, schedule.linear(), random_weights(3))


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
