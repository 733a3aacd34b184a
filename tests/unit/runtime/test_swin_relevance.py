"""Swin's definition of relevance against a dense brute-force one, a ViT, conservation and a shift of the picture; docs/swin-relevance.md."""

import pytest
import torch
import torch.nn.functional as F
from timm.models.swin_transformer import PatchMerging, SwinTransformer
from timm.models.vision_transformer import VisionTransformer

from runtime.backbones import build as backbone
from runtime.maps import attention, relevance
from runtime.maps.explain import build
from runtime.maps.layers import structure
from runtime.protocols import Backbone

CLASSES = tuple("abc")


def swin(size=32, depths=(2, 2), width=8) -> Backbone:
    """Windows of 4: on 8 x 8 tokens, the second block shifted and masked; then merged to 4 x 4."""
    model = SwinTransformer(
        img_size=size, patch_size=4, embed_dim=width, depths=depths, num_heads=(2,) * len(depths), window_size=4, num_classes=3
    )
    made = backbone.wrap("tiny_swin", model, CLASSES, (0.5,) * 3, (0.5,) * 3, size)
    made.model.double()
    return made


def pictures(size=32, count=2):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def places(block) -> torch.Tensor:
    """(windows, N): which token stands where, by counting."""
    (high, wide), (h, w), (down, right) = block.input_resolution, block.window_size, block.shift_size
    found = []
    for top in range(0, high, h):
        for left in range(0, wide, w):
            inside = [((top + i + down) % high, (left + j + right) % wide) for i in range(h) for j in range(w)]
            found.append([y * wide + x for y, x in inside])
    return torch.tensor(found)


def dense(block, windows: torch.Tensor, empty: float = 0.0) -> torch.Tensor:
    """(windows, A, N, N) -> (A, T, T), `empty` where two tokens do not see each other."""
    at = places(block)
    whole = torch.full((windows.shape[1], at.numel(), at.numel()), empty, dtype=windows.dtype)
    for window, tokens in zip(windows, at, strict=True):
        for i, row in enumerate(tokens.tolist()):
            whole[:, row, tokens] = window[:, i]
    return whole


def merged(side: int) -> torch.Tensor:
    """(T / 4, T): a quarter of each of the four."""
    half = side // 2
    whole = torch.zeros(half * half, side * side, dtype=torch.float64)
    for y in range(side):
        for x in range(side):
            whole[(y // 2) * half + x // 2, y * side + x] = 0.25
    return whole


class Dense:
    """The same Swin on all tokens at once, each operation remembered, relevance by autograd as the public code does it: one picture."""

    def __init__(self, model: SwinTransformer, image: torch.Tensor):
        self.model, self.steps, self.maps = model, [], []
        x = model.patch_embed((image - 0.5) / 0.5).flatten(1, 2)
        for stage in model.layers:
            if isinstance(stage.downsample, PatchMerging):
                x = self.merge(stage.downsample, x)
            for block in stage.blocks:
                x = self.block(block, x)
        self.last = x
        self.scores = model.head.fc(model.norm(x).mean(1))

    def linear(self, layer, x):
        self.steps.append(("linear", layer, x.detach()))
        return layer(x)

    def merge(self, part, x):
        side = round(x.shape[1] ** 0.5)
        grid = x.reshape(1, side, side, -1)
        corners = [grid[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]  # timm's order: columns outside
        self.steps.append(("merge", side))
        return self.linear(part.reduction, part.norm(torch.cat(corners, -1)).flatten(1, 2))

    def block(self, block, x):
        self.steps.append(("fork", x.detach()))
        y = self.attend(block, block.norm1(x))
        self.steps.append(("add", x.detach(), y.detach()))
        x = x + y
        self.steps.append(("fork", x.detach()))
        y = self.linear(block.mlp.fc2, block.mlp.act(self.linear(block.mlp.fc1, block.norm2(x))))
        self.steps.append(("add", x.detach(), y.detach()))
        return x + y

    def attend(self, block, x):
        heads = block.attn.num_heads
        q, k, v = self.linear(block.attn.qkv, x).reshape(1, x.shape[1], 3, heads, -1).permute(2, 0, 3, 1, 4)
        count, n = len(places(block)), block.attn.window_area
        extra = block.attn._get_rel_pos_bias().expand(count, -1, -1, -1)
        extra = extra if block.attn_mask is None else extra + block.attn_mask.reshape(count, 1, n, n)
        weights = (q @ k.transpose(-2, -1) * block.attn.scale + dense(block, extra, -torch.inf)).softmax(-1)
        weights = weights.requires_grad_() if not weights.requires_grad else weights
        self.maps.append(weights)
        self.steps.append(("attention", q.detach(), k.detach(), v.detach(), weights.detach()))
        return self.linear(block.attn.proj, (weights @ v).transpose(1, 2).flatten(2))

    def relevance(self, number: int):
        """Relevance of every attention map, the last block's first."""
        start = F.one_hot(torch.tensor([number]), 3).double()
        tokens = self.model.norm(self.last).detach()
        r = self.by_linear(self.model.head.fc, tokens.mean(1), start)
        r = self.simple(lambda x: x.mean(1), [tokens], r)[0]
        found, waiting = [], []
        for step in reversed(self.steps):
            if step[0] == "linear":
                r = self.by_linear(step[1], step[2], r)
            elif step[0] == "add":
                kept, r = self.by_add(step[1], step[2], r)
                waiting.append(kept)
            elif step[0] == "fork":
                x, kept = step[1], waiting.pop()
                r = x * (over(kept, x) + over(r, x))
            elif step[0] == "merge":
                parts, grid = (
                    r.reshape(1, step[1] // 2, step[1] // 2, -1).chunk(4, -1),
                    torch.zeros(1, step[1], step[1], r.shape[-1] // 4).double(),
                )
                for (i, j), part in zip(((0, 0), (1, 0), (0, 1), (1, 1)), parts, strict=True):
                    grid[:, i::2, j::2] = part
                r = grid.flatten(1, 2)
            else:
                _, q, k, v, weights = step
                r = r.unflatten(-1, (q.shape[1], -1)).transpose(1, 2)
                of_weights, of_v = (part / 2 for part in self.simple(torch.matmul, [weights, v], r))
                found.append(of_weights)
                of_q, of_k = (part / 2 for part in self.simple(lambda a, b: a @ b.transpose(-2, -1), [q, k], of_weights))
                r = torch.stack([of_q, of_k, of_v]).permute(1, 3, 0, 2, 4).flatten(2)
        return found[::-1]

    @staticmethod
    def simple(f, inputs, r):
        inputs = [x.clone().requires_grad_() for x in inputs]
        z = f(*inputs)
        return [x.detach() * g for x, g in zip(inputs, torch.autograd.grad(z, inputs, over(r, z.detach())), strict=True)]

    @classmethod
    def by_linear(cls, layer, x, r):
        w, positive, negative = layer.weight.detach(), x.clamp(min=0).requires_grad_(), x.clamp(max=0).requires_grad_()
        z = positive @ w.clamp(min=0).T + negative @ w.clamp(max=0).T
        a, b = torch.autograd.grad(z, [positive, negative], over(r, z.detach()))
        return (positive * a + negative * b).detach()

    @classmethod
    def by_add(cls, a, b, r):
        parts = cls.simple(torch.add, [a, b], r)
        sums = [part.sum() for part in parts]
        both = sums[0].abs() + sums[1].abs()
        return [part * over(over(own.abs(), both) * r.sum(), own) for part, own in zip(parts, sums, strict=True)]


def over(a, b):
    return a / (b + 1e-9) * (b != 0)


@pytest.fixture(scope="module")
def both():
    made = swin()
    image = pictures(count=1)
    return made, image, Dense(made.model.model, image)


def test_the_dense_one_is_the_same_network(both):
    made, image, whole = both
    torch.testing.assert_close(whole.scores, made.model(image), atol=1e-10, rtol=0)
    assert any(any(block.shift_size) and block.attn_mask is not None for stage in made.model.model.layers for block in stage.blocks)


def test_attention_relevance_equals_the_dense_one(both):
    made, image, whole = both
    record = attention.record(made.model, image)
    layers = structure(made).layers
    found = attention.relevance(made.model, record, torch.tensor([1]), relevance.RULES["chefer"], layers)
    wanted = whole.relevance(1)
    for layer, ours, theirs in zip(layers, found, wanted, strict=True):
        torch.testing.assert_close(dense(layer.block, ours), theirs[0], atol=1e-9 * theirs.abs().max().item(), rtol=0)


@pytest.mark.parametrize("name", ["vta", "rollout", "raw_attention", "raw_attention:layer=2", "attribution_rollout"])
def test_maps_equal_the_dense_products(both, name):
    made, image, whole = both
    shared = whole.relevance(1)
    gradients = torch.autograd.grad(whole.scores[0, 1], whole.maps, retain_graph=True)
    eye = [torch.eye(one.shape[-1], dtype=torch.float64) for one in whole.maps]
    per_layer = {
        "vta": [(g * r).clamp(min=0).mean(1)[0] + i for g, r, i in zip(gradients, shared, eye, strict=True)],
        "attribution_rollout": [r.clamp(min=0).mean(1)[0] + i for r, i in zip(shared, eye, strict=True)],
        "rollout": [(a.detach().mean(1)[0] + i) / 2 for a, i in zip(whole.maps, eye, strict=True)],
        "raw_attention": [whole.maps[0].detach().mean(1)[0], *eye[1:]],
        "raw_attention:layer=2": [*eye[:2], whole.maps[2].detach().mean(1)[0], eye[3]],
    }[name]
    product = per_layer[3] @ per_layer[2] @ merged(8) @ per_layer[1] @ per_layer[0]
    found = build(name, made)(image, torch.tensor([1]))
    torch.testing.assert_close(found, product.mean(0).reshape(1, 8, 8), atol=1e-10 * product.mean(0).max().item(), rtol=0)


def test_relevance_is_conserved_down_to_the_pixels():
    """No position is embedded, biases take nothing, each sum is shared in full; at a width where every output has a positive part."""
    sums = build("lrp", swin(width=32))(pictures(), torch.tensor([1, 2])).sum((1, 2))
    torch.testing.assert_close(sums, torch.ones(2, dtype=torch.float64), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "name", ["vta", "rollout", "raw_attention", "gradcam", "gradcam:form=feature", "lrp", "lrp:form=partial", "grad_rollout"]
)
def test_one_window_and_one_stage_is_a_vit_that_averages(name):
    """No class token, averaged after the norm; its rows averaged."""
    made = swin(16, (3,))
    model = VisionTransformer(
        img_size=16, patch_size=4, embed_dim=8, depth=3, num_heads=2, num_classes=3, class_token=False, global_pool="avg", fc_norm=False,
        pos_embed="none", pre_norm=True, norm_layer=torch.nn.LayerNorm,
    )  # fmt: skip
    twin = backbone.wrap("twin", model, CLASSES, (0.5,) * 3, (0.5,) * 3, 16)
    own = made.model.model.state_dict()
    for key in [key for key in own if "relative_position_bias" in key]:
        own[key].zero_()
    named = {
        key.replace("layers.0.", "").replace("head.fc", "head").replace("patch_embed.norm", "norm_pre"): value for key, value in own.items()
    }
    model.patch_embed.proj.bias = torch.nn.Parameter(own["patch_embed.proj.bias"], requires_grad=False)  # timm leaves it out before a norm
    assert model.load_state_dict(named, strict=False).missing_keys == []
    twin.model.double()
    images, classes = pictures(16), torch.tensor([0, 2])
    torch.testing.assert_close(twin.model(images), made.model(images), atol=1e-10, rtol=0)
    ours, theirs = (build(name, one)(images, classes) for one in (made, twin))
    torch.testing.assert_close(ours, theirs, atol=1e-9 * theirs.abs().max().item(), rtol=0)


@pytest.mark.parametrize("name", ["vta", "rollout", "raw_attention", "lrp:form=partial"])
def test_a_shift_by_a_window_shifts_the_map(name):
    """Where no block is shifted and nothing merges."""
    made, images, classes = swin(32, (1,)), pictures(), torch.tensor([0, 2])
    explain = build(name, made)
    moved = explain(images.roll((16, 16), (2, 3)), classes)
    torch.testing.assert_close(moved, explain(images, classes).roll((4, 4), (1, 2)), atol=1e-10, rtol=1e-9)


def test_windows_that_do_not_fill_the_grid_are_refused():
    from runtime.errors import FvitError

    with pytest.raises(FvitError, match="windows of 4 x 4 do not fill its 6 x 6 tokens"):
        build("rollout", swin(24, (2,)))


@pytest.mark.parametrize("name", ["lrp", "vta"])
def test_float64_on_request_is_the_explainer_of_the_network_in_float64(name):
    single, double = swin(), swin()
    single.model.float()
    double.model.load_state_dict(single.model.state_dict())
    images, classes = pictures().float(), torch.tensor([1, 2])
    expected = build(name, double)(images.double(), classes)
    found = build(f"{name}:dtype=float64", single)(images, classes)
    assert found.dtype == torch.float32 and next(single.model.parameters()).dtype == torch.float32
    torch.testing.assert_close(found, expected.float(), atol=0, rtol=0)
