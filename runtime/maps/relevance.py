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


class Propagation:
    """One pass from the scores to the picture. `attention`: the relevance of each attention map passed, (B x windows, A, N, N)."""

    def __init__(self, record: Record, rules: Rules, wanted: Collection[nn.Module] = ()):
        self.record, self.rules, self.wanted = record, rules, set(wanted)
        self.attention: dict[nn.Module, Tensor] = {}

    def __call__(self, module: nn.Module, relevance: Tensor) -> Tensor:
        rule = MODULES.get(type(module))
        if rule is None:
            raise FvitError(f"no relevance rule for {type(module).__name__}; add one to MODULES in {__name__}")
        return rule(self, module, relevance)

    def record_attention(self, attention: nn.Module, relevance: Tensor) -> None:
        self.attention[attention] = relevance
        if self.wanted and self.wanted <= self.attention.keys():
            raise Stop


class Stop(Exception):
    """Ends a propagation: every requested attention map has its relevance."""


Rule = Callable[[Propagation, nn.Module, Tensor], Tensor]


@torch.no_grad()
def propagate(
    model: nn.Module, record: Record, start: Tensor, rules: Rules, wanted: Collection[nn.Module] = ()
) -> tuple[Tensor | None, Propagation]:
    """Relevance of the picture (B, 3, H, W) from that of the scores, `start` (B, K), and the Propagation with that of the attention maps.

    It stops, without a picture, as soon as every attention module of `wanted` has its relevance.
    """
    backward = Propagation(record, rules, wanted)
    try:
        return backward(model, start), backward
    except Stop:
        return None, backward


def needed(model: nn.Module) -> list[nn.Module]:
    """What the rules look up in a record: `model` itself and the parts of it that do more than hand relevance on."""
    kinds, names = (nn.Linear, nn.Conv2d, nn.LayerNorm, SelectAdaptivePool2d), {"attn_drop", "drop_path1", "drop_path2", "norm"}
    if getattr(model, "pos_embed", None) is not None:
        names.add("pos_drop")
    parts = [part for name, part in model.named_modules() if isinstance(part, kinds) or name.rpartition(".")[2] in names]
    return [model, *parts]


def same(backward: Propagation, module: nn.Module, relevance: Tensor) -> Tensor:
    return relevance


def chain(*names: str) -> Rule:
    """The parts `names` one after the other."""

    def rule(backward: Propagation, module: nn.Module, relevance: Tensor) -> Tensor:
        for name in reversed(names):
            relevance = backward(module.get_submodule(name), relevance)
        return relevance

    return rule


def sequence(backward: Propagation, module: nn.Module, relevance: Tensor) -> Tensor:
    for part in reversed(list(module.children())):
        relevance = backward(part, relevance)
    return relevance


def linear(backward: Propagation, module: nn.Module, relevance: Tensor) -> Tensor:
    return backward.rules.linear(backward.record.inputs[module], module.weight, relevance)  # type: ignore[arg-type]


def attention(backward: Propagation, module: nn.Module, relevance: Tensor) -> Tensor:
    """Through values, map, queries and keys. Swin's position bias and mask are biases: they take nothing."""
    relevance = backward(module.proj, backward(module.proj_drop, relevance))  # type: ignore[arg-type]
    qkv = backward.record.outputs[module.qkv]  # type: ignore[index]
    q, k, v = _heads(qkv, 3 * module.num_heads).chunk(3, 1)  # type: ignore[operator]
    weights = backward.record.outputs[module.attn_drop]  # type: ignore[index]
    of_weights, of_v = rules.matmul(weights, v, _heads(relevance, module.num_heads))  # type: ignore[arg-type]
    backward.record_attention(module, of_weights)
    of_q, of_kt = rules.matmul(q, k.transpose(-2, -1), of_weights)
    parts = torch.cat([of_q, of_kt.transpose(-2, -1), of_v], 1)
    return backward(module.qkv, parts.transpose(1, 2).flatten(2))  # type: ignore[arg-type]


def residual(backward: Propagation, block: nn.Module, number: int, relevance: Tensor, inner: Callable[[Tensor], Tensor]) -> Tensor:
    """x + drop_path(inner(norm(x))): relevance of x, the block's first or second such sum."""
    norm, drop = block.get_submodule(f"norm{number}"), block.get_submodule(f"drop_path{number}")
    x, branch = backward.record.inputs[norm], backward.record.outputs[drop]
    kept, through = backward.rules.add(x, branch.reshape(x.shape), relevance.reshape(x.shape))
    below = backward(norm, inner(backward(drop, through)))
    return rules.copied(x, (kept, below))


def block(backward: Propagation, module: nn.Module, relevance: Tensor) -> Tensor:
    parts = {name: module.get_submodule(name) for name in ("mlp", "ls2", "attn", "ls1")}
    relevance = residual(backward, module, 2, relevance, lambda r: backward(parts["mlp"], backward(parts["ls2"], r)))
    return residual(backward, module, 1, relevance, lambda r: backward(parts["attn"], backward(parts["ls1"], r)))


def swin_block(backward: Propagation, module: nn.Module, relevance: Tensor) -> Tensor:
    layer = window_layer(type(module).__name__, module)
    relevance = residual(backward, module, 2, relevance, lambda r: backward(module.mlp, r))  # type: ignore[arg-type]
    shape = backward.record.inputs[module.norm1].shape  # type: ignore[index]
    return residual(
        backward, module, 1, relevance, lambda r: join(layer, backward(layer.attention, split(layer, r.flatten(1, 2)))).reshape(shape)
    )


def merging(backward: Propagation, module: nn.Module, relevance: Tensor) -> Tensor:
    relevance = backward(module.norm, backward(module.reduction, relevance))  # type: ignore[arg-type]
    batch, high, wide, channels = relevance.shape
    return relevance.reshape(batch, high, wide, 2, 2, channels // 4).permute(0, 1, 4, 2, 3, 5).reshape(batch, 2 * high, 2 * wide, -1)


def pool(backward: Propagation, module: nn.Module, relevance: Tensor) -> Tensor:
    tokens = backward.record.inputs[module]
    return rules.averaged(tokens.flatten(1, 2), relevance).reshape(tokens.shape)


def patches(backward: Propagation, module: nn.Module, relevance: Tensor) -> Tensor:
    relevance = backward(module.norm, relevance)  # type: ignore[arg-type]
    conv = module.proj
    assert isinstance(conv, nn.Conv2d)
    flat = relevance.reshape(len(relevance), -1, relevance.shape[-1]).transpose(1, 2)
    return rules.pixels(backward.record.inputs[conv], conv, flat.reshape(backward.record.outputs[conv].shape))


def vit(backward: Propagation, module: nn.Module, relevance: Tensor) -> Tensor:
    assert isinstance(module, VisionTransformer)
    tokens = backward.record.outputs[module.norm]
    relevance = backward(module.fc_norm, backward(module.head_drop, backward(module.head, relevance)))
    if module.global_pool == "token":
        return _embedded(backward, module, rules.placed(tokens, [relevance]))
    kept = tokens[:, module.num_prefix_tokens :]
    return _embedded(backward, module, F.pad(rules.averaged(kept, relevance), (0, 0, module.num_prefix_tokens, 0)))


def deit(backward: Propagation, module: nn.Module, relevance: Tensor) -> Tensor:
    """Two heads whose scores are averaged: half of the relevance starts from each."""
    assert isinstance(module, VisionTransformerDistilled)
    rows = [backward(head, relevance / 2) for head in (module.head, module.head_dist)]
    return _embedded(backward, module, rules.placed(backward.record.outputs[module.norm], rows))


def _embedded(backward: Propagation, module: VisionTransformer, relevance: Tensor) -> Tensor:
    relevance = backward(module.norm_pre, backward(module.blocks, backward(module.norm, relevance)))
    if module.pos_embed is not None:
        tokens = backward.record.outputs[module.pos_drop]
        position = F.pad(module.pos_embed, (0, 0, tokens.shape[1] - module.pos_embed.shape[1], 0)).expand_as(tokens)
        relevance = backward.rules.add(tokens - position, position, relevance)[0]
    return backward(module.patch_embed, relevance[:, module.num_prefix_tokens :])


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
