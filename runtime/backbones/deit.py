"""DeiT-B/16 at 224 px, distilled (two prefix tokens, both heads averaged) and not, and the embedded world's small distilled one."""

from timm.models.deit import VisionTransformerDistilled

from runtime.backbone import EMBEDDED_CLASSES, from_timm, wrap
from runtime.protocols import Backbone

TIMM = {"deit_b16": "deit_base_patch16_224", "deit_b16_distilled": "deit_base_distilled_patch16_224"}
NAMES = (*TIMM, "deit_embedded")


def build(name: str) -> Backbone:
    """The backbone `name` with seeded random weights."""
    if name in TIMM:
        return from_timm(name, TIMM[name])
    model = VisionTransformerDistilled(
        img_size=64, patch_size=8, embed_dim=128, depth=6, num_heads=4, num_classes=len(EMBEDDED_CLASSES), weight_init="skip"
    )
    return wrap(name, model, EMBEDDED_CLASSES, mean=(0.5,) * 3, std=(0.5,) * 3)
