"""Swin-B at 224 px (windows of 7), and the embedded world's small one (64 px, patches of 4, windows of 8); no class token."""

from timm.models.swin_transformer import SwinTransformer

from runtime.backbones.build import EMBEDDED_CLASSES, embedded, from_timm
from runtime.protocols import Backbone

TIMM = {"swin_b": "swin_base_patch4_window7_224"}
NAMES = (*TIMM, "swin_embedded")


def build(name: str) -> Backbone:
    """The backbone `name`: random weights at the paper's size, trained ones in the embedded world."""
    return from_timm(name, TIMM[name]) if name in TIMM else embedded(name, architecture())


def architecture() -> SwinTransformer:
    """64 px in patches of 4, windows of 8, 0.9 M parameters.

    Its first stage, 16 x 16, shifts its windows; its second, 8 x 8, is a single window, as Swin-B's last one is.
    """
    return SwinTransformer(
        img_size=64, patch_size=4, embed_dim=64, depths=(2, 4), num_heads=(2, 4), window_size=8, num_classes=len(EMBEDDED_CLASSES)
    )
