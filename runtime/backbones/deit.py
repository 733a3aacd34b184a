"""DeiT-B/16 at 224 px, distilled (two prefix tokens, both heads averaged) and not, and the embedded world's small distilled one."""

from timm.models.deit import VisionTransformerDistilled

from runtime.backbones.build import EMBEDDED_CLASSES, embedded, from_timm
from runtime.protocols import Backbone

TIMM = {"deit_b16": "deit_base_patch16_224", "deit_b16_distilled": "deit_base_distilled_patch16_224"}
NAMES = (*TIMM, "deit_embedded")


def build(name: str) -> Backbone:
    """The backbone `name`: random weights at the paper's size, trained ones in the embedded world."""
    return from_timm(name, TIMM[name]) if name in TIMM else embedded(name, architecture())


def architecture() -> VisionTransformerDistilled:
    """64 px in patches of 8, a class and a distillation token, 1.9 M parameters."""
    return VisionTransformerDistilled(img_size=64, patch_size=8, embed_dim=160, depth=6, num_heads=5, num_classes=len(EMBEDDED_CLASSES))
