"""Vision Transformers: ViT-B/16 at 224 px, and the embedded world's small one (64 px, patches of 8)."""

from timm.models.vision_transformer import VisionTransformer

from runtime.backbone import EMBEDDED_CLASSES, from_timm, wrap
from runtime.protocols import Backbone

TIMM = {"vit_b16": "vit_base_patch16_224"}
NAMES = (*TIMM, "vit_embedded")


def build(name: str) -> Backbone:
    """The backbone `name` with seeded random weights."""
    if name in TIMM:
        return from_timm(name, TIMM[name])
    model = VisionTransformer(img_size=64, patch_size=8, embed_dim=128, depth=6, num_heads=4, num_classes=len(EMBEDDED_CLASSES))
    return wrap(name, model, EMBEDDED_CLASSES, mean=(0.5,) * 3, std=(0.5,) * 3)
