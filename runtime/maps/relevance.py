"""Layer-wise relevance propagation through timm's transformers: a rule for each kind of module, relevance handed from output to input.

A rule takes the relevance of a module's output and gives that of its input, from what the module saw in a recorded forward pass. Softmax,
activations, norms and elementwise scales hand it on unchanged; the arithmetic is in rules.py. `chefer` are the rules of Chefer et al. 2021
(sections 3.1 and 3.2), `original` the stricter ones of the baseline that their evaluation calls LRP. `chefer_bf16`: the first, the
linear layers' products in bfloat16, for processors that are fast in it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from timm.layers.attention import Attention
from timm.layers.classifier import ClassifierHead
from timm.layers.drop import DropPath
from timm.layers.layer_scale import LayerScale
from timm.layers.mlp import Mlp
from timm.layers.norm import LayerNorm
from timm.layers.patch_embed import PatchEmbed
from timm.models.deit import VisionTransformerDistilled
from timm.models.swin_transformer import PatchMerging, SwinTransformer, SwinTransformerBlock, SwinTransformerStage, WindowAttention
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn

from runtime.errors import FvitError
from runtime.maps import rules
from runtime.maps.hooks import Record
from runtime.maps.layers import join, split, window_layer


@dataclass(frozen=True)
class Rules:
    """How a linear layer, from (x, w, R), and a residual sum, from (a, b, R), share their relevance."""

    linear: Callable[[Tensor, Tensor, Tensor], Tensor]
    add: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class Walk:
    """One pass from the scores to the picture. `attention`: the relevance of each attention map met, (B x windows, A, N, N)."""

    def __init__(self, record: Record, rules: Rules, wanted: Collection[nn.Module] = ()):
        self.record, self.rules, self.wanted = record, rules, set(wanted)
        self.attention: dict[nn.Module, Tensor] = {}

    def __call__(self, module: nn.Module, relevance: Tensor) -> Tensor:
        rule = MODULES.get(type(module))
        if rule is None:
            raise FvitError(f"no relevance rule for {type(module).__name__}; add one to MODULES in {__name__}")
        return rule(self, module, relevance)

    def met(self, attention: nn.Module, relevance: Tensor) -> None:
        self.attention[attention] = relevance
        if self.wanted and self.wanted <= self.attention.keys():
            raise _Enough


class _Enough(Exception):
    """All attention maps that were wanted have their relevance."""


Rule = Callable[[Walk, nn.Module, Tensor], Tensor]


@torch.no_grad()
def propagate(
    model: nn.Module, record: Record, start: Tensor, rules: Rules, wanted: Collection[nn.Module] = ()
) -> tuple[Tensor | None, Walk]:
    """Relevance of the picture (B, 3, H, W) from that of the scores, `start` (B, K), and the walk with that of the attention maps.

    The walk ends, without a picture, as soon as every attention module of `wanted` has its relevance.
    """
    walk = Walk(record, rules, wanted)
    try:
        return walk(model, start), walk
    except _Enough:
        return None, walk


def needed(model: nn.Module) -> list[nn.Module]:
    """What the rules look up in a record: `model` itself and the parts of it that do more than hand relevance on."""
    kinds, names = (nn.Linear, nn.Conv2d, nn.LayerNorm, SelectAdaptivePool2d), {"attn_drop", "drop_path1", "drop_path2", "norm"}
    if getattr(model, "pos_embed", None) is not None:
        names.add("pos_drop")
    parts = [part for name, part in model.named_modules() if isinstance(part, kinds) or name.rpartition(".")[2] in names]
    return [model, *parts]


def same(walk: Walk, module: nn.Module, relevance: Tensor) -> Tensor:
    return relevance


def chain(*names: str) -> Rule:
    """The parts `names` one after the other."""

    def rule(walk: Walk, module: nn.Module, relevance: Tensor) -> Tensor:
        for name in reversed(names):
            relevance = walk(module.get_submodule(name), relevance)
        return relevance

    return rule


def sequence(walk: Walk, module: nn.Module, relevance: Tensor) -> Tensor:
    for part in reversed(list(module.children())):
        relevance = walk(part, relevance)
    return relevance


def linear(walk: Walk, module: nn.Module, relevance: Tensor) -> Tensor:
    return walk.rules.linear(walk.record.inputs[module], module.weight, relevance)  # type: ignore[arg-type]


def attention(walk: Walk, module: nn.Module, relevance: Tensor) -> Tensor:
    """Through values, map, queries and keys. Swin's position bias and mask are biases: they take nothing."""
    relevance = walk(module.proj, walk(module.proj_drop, relevance))  # type: ignore[arg-type]
    made = walk.record.outputs[module.qkv]  # type: ignore[index]
    q, k, v = _heads(made, 3 * module.num_heads).chunk(3, 1)  # type: ignore[operator]
    weights = walk.record.outputs[module.attn_drop]  # type: ignore[index]
    of_weights, of_v = rules.matmul(weights, v, _heads(relevance, module.num_heads))  # type: ignore[arg-type]
    walk.met(module, of_weights)
    of_q, of_kt = rules.matmul(q, k.transpose(-2, -1), of_weights)
    parts = torch.cat([of_q, of_kt.transpose(-2, -1), of_v], 1)
    return walk(module.qkv, parts.transpose(1, 2).flatten(2))  # type: ignore[arg-type]


def residual(walk: Walk, block: nn.Module, number: int, relevance: Tensor, inner: Callable[[Tensor], Tensor]) -> Tensor:
    """x + drop_path(inner(norm(x))): relevance of x, the block's first or second such sum."""
    norm, drop = block.get_submodule(f"norm{number}"), block.get_submodule(f"drop_path{number}")
    x, branch = walk.record.inputs[norm], walk.record.outputs[drop]
    kept, through = walk.rules.add(x, branch.reshape(x.shape), relevance.reshape(x.shape))
    below = walk(norm, inner(walk(drop, through)))
    return rules.copied(x, (kept, below))


def block(walk: Walk, module: nn.Module, relevance: Tensor) -> Tensor:
    parts = {name: module.get_submodule(name) for name in ("mlp", "ls2", "attn", "ls1")}
    relevance = residual(walk, module, 2, relevance, lambda r: walk(parts["mlp"], walk(parts["ls2"], r)))
    return residual(walk, module, 1, relevance, lambda r: walk(parts["attn"], walk(parts["ls1"], r)))


def swin_block(walk: Walk, module: nn.Module, relevance: Tensor) -> Tensor:
    layer = window_layer(type(module).__name__, module)
    relevance = residual(walk, module, 2, relevance, lambda r: walk(module.mlp, r))  # type: ignore[arg-type]
    shape = walk.record.inputs[module.norm1].shape  # type: ignore[index]
    return residual(walk, module, 1, relevance, lambda r: join(layer, walk(layer.attention, split(layer, r.flatten(1, 2)))).reshape(shape))


def merging(walk: Walk, module: nn.Module, relevance: Tensor) -> Tensor:
    relevance = walk(module.norm, walk(module.reduction, relevance))  # type: ignore[arg-type]
    batch, high, wide, channels = relevance.shape
    return relevance.reshape(batch, high, wide, 2, 2, channels // 4).permute(0, 1, 4, 2, 3, 5).reshape(batch, 2 * high, 2 * wide, -1)


def pool(walk: Walk, module: nn.Module, relevance: Tensor) -> Tensor:
    tokens = walk.record.inputs[module]
    return rules.averaged(tokens.flatten(1, 2), relevance).reshape(tokens.shape)


def patches(walk: Walk, module: nn.Module, relevance: Tensor) -> Tensor:
    relevance = walk(module.norm, relevance)  # type: ignore[arg-type]
    conv = module.proj
    assert isinstance(conv, nn.Conv2d)
    flat = relevance.reshape(len(relevance), -1, relevance.shape[-1]).transpose(1, 2)
    return rules.pixels(walk.record.inputs[conv], conv, flat.reshape(walk.record.outputs[conv].shape))


def vit(walk: Walk, module: nn.Module, relevance: Tensor) -> Tensor:
    assert isinstance(module, VisionTransformer)
    tokens = walk.record.outputs[module.norm]
    relevance = walk(module.fc_norm, walk(module.head_drop, walk(module.head, relevance)))
    if module.global_pool == "token":
        return _embedded(walk, module, rules.placed(tokens, [relevance]))
    kept = tokens[:, module.num_prefix_tokens :]
    return _embedded(walk, module, F.pad(rules.averaged(kept, relevance), (0, 0, module.num_prefix_tokens, 0)))


def deit(walk: Walk, module: nn.Module, relevance: Tensor) -> Tensor:
    """Two heads whose scores are averaged: half of the relevance starts from each."""
    assert isinstance(module, VisionTransformerDistilled)
    rows = [walk(head, relevance / 2) for head in (module.head, module.head_dist)]
    return _embedded(walk, module, rules.placed(walk.record.outputs[module.norm], rows))


def _embedded(walk: Walk, module: VisionTransformer, relevance: Tensor) -> Tensor:
    relevance = walk(module.norm_pre, walk(module.blocks, walk(module.norm, relevance)))
    if module.pos_embed is not None:
        tokens = walk.record.outputs[module.pos_drop]
        position = F.pad(module.pos_embed, (0, 0, tokens.shape[1] - module.pos_embed.shape[1], 0)).expand_as(tokens)
        relevance = walk.rules.add(tokens - position, position, relevance)[0]
    return walk(module.patch_embed, relevance[:, module.num_prefix_tokens :])


def _heads(x: Tensor, count: int) -> Tensor:
    """(B, N, count D) -> (B, count, N, D)."""
    return x.unflatten(-1, (count, -1)).transpose(1, 2)


SAME = (nn.Identity, nn.Dropout, DropPath, LayerScale, nn.LayerNorm, LayerNorm, nn.GELU, nn.ReLU)
MODULES: dict[type, Rule] = dict.fromkeys(SAME, same) | {
    nn.Linear: linear, nn.Sequential: sequence, Mlp: chain("fc1", "act", "drop1", "norm", "fc2", "drop2"),
    Attention: attention, WindowAttention: attention, Block: block, SwinTransformerBlock: swin_block, PatchMerging: merging,
    SwinTransformerStage: chain("downsample", "blocks"), SelectAdaptivePool2d: pool, ClassifierHead: chain("global_pool", "drop", "fc"),
    PatchEmbed: patches, VisionTransformer: vit, VisionTransformerDistilled: deit,
    SwinTransformer: chain("patch_embed", "layers", "norm", "head"),
}  # fmt: skip
RULES = {
    "chefer": Rules(rules.linear, rules.add),
    "original": Rules(rules.linear_apart, rules.add_apart),
    "chefer_bf16": Rules(partial(rules.linear, products=torch.bfloat16), rules.add),
}
