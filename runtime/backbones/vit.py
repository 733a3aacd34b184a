"""Vision Transformers: ViT-B/16 at 224 px, and the embedded world's small one (64 px, patches of 8)."""

from timm.models.vision_transformer import VisionTransformer

from runtime.backbones.build import EMBEDDED_CLASSES, embedded, from_timm
from runtime.protocols import Backbone

TIMM = {"vit_b16": "vit_base_patch16_224"}
NAMES = (*TIMM, "vit_embedded")


def build(name: str) -> Backbone:
    """The backbone `name`: random weights at the paper's size, trained ones in the embedded world."""
    return from_timm(name, TIMM[name]) if name in TIMM else embedded(name, architecture())


def architecture() -> VisionTransformer:
    """64 px in patches of 8, 1.9 M parameters."""
    return VisionTransformer(img_size=64, patch_size=8, embed_dim=160, depth=6, num_heads=5, num_classes=len(EMBEDDED_CLASSES))
