"""The structure of a timm transformer: its attention layers, Swin's windows and patch merging, and the head's weights of the tokens.

A map is a row vector sent backwards. The head reads token i with weight r_i (ViT: the class token; DeiT: half of each prefix token; Swin,
or a ViT that averages: all alike). Layer l with matrix M_l (B, T, T), from M_l[i, j] = what token i takes from token j, turns r into
r M_l; Swin's M_l lives in windows, cyclically shifted in every second block, and is never made dense. A merge takes a 2 x 2 square of
tokens for one, so backwards each of the four gets a quarter. docs/swin-relevance.md has the drawing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from timm.layers.attention import Attention
from timm.models.deit import VisionTransformerDistilled
from timm.models.swin_transformer import PatchMerging, SwinTransformer, SwinTransformerBlock, WindowAttention
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn

from runtime.errors import FvitError
from runtime.protocols import Backbone


@dataclass(frozen=True)
class Windows:
    """A grid (H, W) of tokens, rolled back by `shift` and cut into windows of `size`."""

    grid: tuple[int, int]
    size: tuple[int, int]
    shift: tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """An attention layer. `windows`: None where all tokens see each other."""

    name: str
    block: nn.Module
    attention: nn.Module
    windows: Windows | None


@dataclass(frozen=True)
class PatchMerge:
    """2 x 2 tokens of a grid (H, W) become one."""

    grid: tuple[int, int]


@dataclass(frozen=True)
class Structure:
    """`steps` from the picture to the head; `head_weights` of the tokens, None: all equal; `grid` of the first layer."""

    steps: tuple[Layer | PatchMerge, ...]
    head_weights: tuple[float, ...] | None
    prefix: int
    grid: tuple[int, int]

    @property
    def layers(self) -> list[Layer]:
        return [step for step in self.steps if isinstance(step, Layer)]


def structure(backbone: Backbone) -> Structure:
    """The structure of `backbone`; a model or attention class without a relevance rule here is refused, with its name."""
    model = backbone.model.get_submodule("model")
    read = STRUCTURES.get(type(model))
    if read is None:
        kinds = ", ".join(kind.__name__ for kind in STRUCTURES)
        raise FvitError(f"no attention to explain in {backbone.name}: its class is {type(model).__name__}, one of {kinds} is expected")
    body = read(model)
    for layer in body.layers:
        _known(layer, backbone.name)
    return body


def split(layer: Layer, tokens: Tensor) -> Tensor:
    """(B, T, ...) -> (B x windows, N, ...): the tokens that see each other."""
    if (at := layer.windows) is None:
        return tokens
    (high, wide), (h, w), inner = at.grid, at.size, tokens.shape[2:]
    grid = torch.roll(tokens.reshape(-1, high, wide, *inner), (-at.shift[0], -at.shift[1]), (1, 2))
    return grid.reshape(-1, high // h, h, wide // w, w, *inner).transpose(2, 3).reshape(-1, h * w, *inner)


def join(layer: Layer, windows: Tensor) -> Tensor:
    """The inverse of `split`."""
    if (at := layer.windows) is None:
        return windows
    (high, wide), (h, w), inner = at.grid, at.size, windows.shape[2:]
    grid = windows.reshape(-1, high // h, wide // w, h, w, *inner).transpose(2, 3).reshape(-1, high, wide, *inner)
    return torch.roll(grid, at.shift, (1, 2)).reshape(-1, high * wide, *inner)


def roll_back(body: Structure, matrices: Sequence[Tensor], first: int = 0) -> Tensor:
    """(B, G1, G2): the head's weights sent back through `matrices`, those of the layers `first`, `first` + 1, ..., each (B x windows, N, N).

    Layers after the last matrix are left out; patch merging before `first` is undone: the map lies on the grid of the first layer.
    """
    wanted = dict(zip(body.layers[first:], matrices, strict=False))
    rows = None
    for step in reversed(body.steps):
        if isinstance(step, PatchMerge):
            rows = rows if rows is None else undo_merge(step, rows)
        elif (matrix := wanted.get(step)) is not None:
            rows = head_row(body, step, matrix) if rows is None else rows
            rows = join(step, torch.einsum("bi,bij->bj", split(step, rows), matrix))
    assert rows is not None
    return rows[:, body.prefix :].reshape(-1, *body.grid)


def read_heads(body: Structure, layer: Layer, matrices: Tensor) -> Tensor:
    """(B, A, T): the head's weights through each head's matrix (B x windows, A, N, N)."""
    rows = split(layer, head_row(body, layer, matrices))
    return join(layer, torch.einsum("bi,bhij->bjh", rows, matrices)).transpose(1, 2)


def head_row(body: Structure, layer: Layer, matrices: Tensor) -> Tensor:
    """(B, T): the head's weights, as if the head came right after `layer`, in the type and on the device of `matrices` (B x windows, ...)."""
    tokens = matrices.shape[-1] if layer.windows is None else layer.windows.grid[0] * layer.windows.grid[1]
    images = len(matrices) * matrices.shape[-1] // tokens
    weights = body.head_weights or (0.0,) * body.prefix + (1.0 / (tokens - body.prefix),) * (tokens - body.prefix)
    return torch.tensor(weights, dtype=matrices.dtype, device=matrices.device).expand(images, tokens)


def undo_merge(merge: PatchMerge, rows: Tensor) -> Tensor:
    """(B, T / 4) -> (B, T): each of the four merged tokens gets a quarter."""
    high, wide = merge.grid
    grid = rows.reshape(-1, high // 2, wide // 2) / 4
    return grid.repeat_interleave(2, 1).repeat_interleave(2, 2).flatten(1)


def window_layer(name: str, block: nn.Module) -> Layer:
    """A Swin block as a layer; a grid that its windows do not fill is refused."""
    assert isinstance(block, SwinTransformerBlock)
    high, wide = block.input_resolution  # type: ignore[misc]
    (h, w), shift = block.window_size, block.shift_size
    if high % h or wide % w:
        raise FvitError(f"{name}: windows of {h} x {w} do not fill its {high} x {wide} tokens; relevance of padded tokens is not defined")
    return Layer(name, block, block.attn, Windows((high, wide), (h, w), (shift[0], shift[1])))


def _vit(model: nn.Module) -> Structure:
    assert isinstance(model, VisionTransformer)
    if model.attn_pool is not None or model.global_pool not in ("token", "avg") or model.pool_include_prefix:
        raise FvitError(f"a ViT with pooling {model.global_pool!r} given; one that reads its class token or averages is expected")
    prefix, grid = model.num_prefix_tokens, model.patch_embed.grid_size
    layers = tuple(Layer(f"blocks.{i}", block, getattr(block, "attn", block), None) for i, block in enumerate(model.blocks))
    tokens = prefix + grid[0] * grid[1]
    token = (1.0,) + (0.0,) * (tokens - 1) if model.global_pool == "token" else None
    return Structure(layers, token, prefix, grid)


def _deit(model: nn.Module) -> Structure:
    body = _vit(model)
    count = body.prefix + body.grid[0] * body.grid[1]
    return Structure(body.steps, (0.5, 0.5) + (0.0,) * (count - 2), body.prefix, body.grid)


def _swin(model: nn.Module) -> Structure:
    assert isinstance(model, SwinTransformer)
    if model.head.global_pool.pool_type != "avg":
        raise FvitError(f"a Swin with pooling {model.head.global_pool.pool_type!r} given; one that averages is expected")
    steps: list[Layer | PatchMerge] = []
    for s, stage in enumerate(model.layers):
        if isinstance(stage.downsample, PatchMerging):
            high, wide = _pair(stage.input_resolution)
            if high % 2 or wide % 2:
                raise FvitError(f"layers.{s}: {high} x {wide} tokens cannot be merged by 2 x 2 without padding")
            steps.append(PatchMerge((high, wide)))
        steps += [window_layer(f"layers.{s}.blocks.{b}", block) for b, block in enumerate(stage.blocks)]  # type: ignore[arg-type]
    return Structure(tuple(steps), None, 0, _pair(model.patch_embed.grid_size))


def _pair(sizes: Any) -> tuple[int, int]:
    return int(sizes[0]), int(sizes[1])


def _known(layer: Layer, name: str) -> None:
    """Refuses a block or an attention that computes something else than what the rules here describe."""
    where = f"{layer.name} of {name}"
    for module, kinds in ((layer.block, (Block, SwinTransformerBlock)), (layer.attention, (Attention, WindowAttention))):
        if type(module) not in kinds:
            raise FvitError(
                f"{where} is a {type(module).__name__}; no relevance is defined for it, only for {', '.join(k.__name__ for k in kinds)}"
            )
    if isinstance(layer.attention, Attention):
        if layer.attention.gate is not None:
            raise FvitError(f"{where} has gated attention; no relevance is defined for it")
        for part in ("q_norm", "k_norm", "norm"):
            if not isinstance(getattr(layer.attention, part), nn.Identity):
                raise FvitError(f"{where} normalises inside its attention ({part}); no relevance is defined for it")


STRUCTURES: dict[type, Callable[[nn.Module], Structure]] = {
    VisionTransformer: _vit,
    VisionTransformerDistilled: _deit,
    SwinTransformer: _swin,
}
