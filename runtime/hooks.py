"""Attention maps out of a model that hides them in a fused kernel; the only file that touches a model's insides."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from runtime.errors import FvitError


@contextmanager
def captured_attention(model: nn.Module) -> Iterator[list[Tensor]]:
    """Collects the softmax maps (B, A, T, T) of every attention block that runs inside the block, first layer first.

    timm's attention computes its map only when `fused_attn` is off; it is switched off here and restored on leaving, after an exception
    too, and no hook stays. A block in which no attention spoke raises, rather than leave an empty result to be averaged.
    """
    blocks = [m for m in model.modules() if hasattr(m, "fused_attn") and isinstance(getattr(m, "attn_drop", None), nn.Module)]
    layers: list[Tensor] = []
    before = [block.fused_attn for block in blocks]
    hooks = []
    try:
        for block in blocks:
            block.fused_attn = False  # type: ignore[assignment]
            hooks.append(block.attn_drop.register_forward_hook(lambda module, inputs, output: layers.append(output)))  # type: ignore[union-attr]
        yield layers
        if not layers:
            raise FvitError(f"no attention was captured in {type(model).__name__}; timm's Attention blocks are wanted, run inside the with")
    finally:
        for hook in hooks:
            hook.remove()
        for block, fused in zip(blocks, before, strict=True):
            block.fused_attn = fused  # type: ignore[assignment]
