"""Swin-B at 224 px (windows of 7), and the embedded world's small one (64 px, patches of 4, windows of 4); no class token."""

from timm.models.swin_transformer import SwinTransformer

from runtime.backbone import EMBEDDED_CLASSES, from_timm, wrap
from runtime.protocols import Backbone

TIMM = {"swin_b": "swin_base_patch4_window7_224"}
NAMES = (*TIMM, "swin_embedded")


def build(name: str) -> Backbone:
    """The backbone `name` with seeded random weights."""
    if name in TIMM:
        return from_timm(name, TIMM[name])
    model = SwinTransformer(
        img_size=64, patch_size=4, embed_dim=64, depths=(2, 4), num_heads=(2, 4), window_size=4, num_classes=len(EMBEDDED_CLASSES)
    )
    return wrap(name, model, EMBEDDED_CLASSES, mean=(0.5,) * 3, std=(0.5,) * 3)
