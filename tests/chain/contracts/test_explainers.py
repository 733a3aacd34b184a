"""What every explainer promises, for each file in runtime/explainers and a ViT, a distilled DeiT and a Swin."""

import functools
from dataclasses import replace

import pytest
import torch
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import ParallelThingsBlock, VisionTransformer

from runtime import plugins
from runtime.backbones import build as backbones
from runtime.errors import FvitError
from runtime.maps import attention
from runtime.maps import explain as explaining
from runtime.maps.hooks import recorded
from runtime.maps.layers import structure
from runtime.maps.relevance import RULES
from runtime.protocols import Backbone

BACKBONES = ("vit_embedded", "deit_embedded", "swin_embedded")
MORE = (
    "rollout:fusion=max:discard=0.5",
    "gradcam:form=feature",
    "lrp:form=partial",
    "lrp:rules=original",
    "lrp:dtype=float64",
    "lrp:form=partial:layer=0",
)
EXPLAINERS = (*plugins.names("runtime.explainers"), *MORE)
BLIND = ("raw_attention", "rollout", "random")  # they do not look at the class


@functools.cache
def double(name: str) -> Backbone:
    built = backbones.build(name)
    built.model.double()
    return built


@pytest.fixture(params=[(e, b) for e in EXPLAINERS for b in BACKBONES], ids="-".join)
def explained(request):
    name, backbone_name = request.param
    backbone = double(backbone_name)
    images = torch.rand(3, 3, backbone.size, backbone.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return name, explaining.build(name, backbone), backbone, images, torch.tensor([1, 2, 3])


def test_every_promise(explained):
    """In one go: the maps cost the time."""
    name, explain, backbone, images, classes = explained
    modules = list(backbone.model.modules())
    before = [module.fused_attn for module in modules if hasattr(module, "fused_attn")]
    kept = images.clone()
    with torch.inference_mode():
        maps = explain(images, classes)
    assert maps.ndim == 3 and len(maps) == 3 and torch.isfinite(maps).all() and torch.equal(images, kept)
    assert maps.shape[1:] in {backbone.grid, (backbone.size,) * 2, (8, 8)}  # its patches, pixels, or the last stage
    assert torch.equal(maps, explain(images, classes)), "the same again"
    singles = torch.cat([explain(images[i : i + 1], classes[i : i + 1]) for i in range(3)])
    scale = maps.abs().amax((1, 2), keepdim=True).clamp_min(1e-30)  # GradCAM may find nothing positive
    # A batch and a single may be summed in different orders; LRP divides by sums that nearly cancel, so 1e-16 grew
    # to 5e-9 on one CPU. A picture that leaked into its neighbour's map would show at 1e-3 and above.
    torch.testing.assert_close(maps / scale, singles / scale, atol=1e-7, rtol=0)
    alike = torch.equal(maps, explain(images, classes + 1))
    assert alike == (name.split(":")[0] in BLIND), "class-specific, or blind to the class"
    assert [module.fused_attn for module in modules if hasattr(module, "fused_attn")] == before
    assert not any(module._forward_hooks or module._backward_hooks for module in modules)
    assert not any(parameter.requires_grad for parameter in backbone.model.parameters())


def test_deit_reads_both_prefix_tokens_half_each():
    deit = double("deit_embedded")
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    layer = structure(deit).layers[-1]
    (heads,) = attention.maps(deit.model, images, [layer])
    found = explaining.build("raw_attention:layer=-1", deit)(images, torch.tensor([0, 1]))
    torch.testing.assert_close(found.flatten(1), heads.mean(1)[:, :2, 2:].mean(1))
    record = attention.record(deit.model, images)
    (shared,) = attention.relevance(deit.model, record, torch.tensor([0, 1]), RULES["chefer"], [layer])
    rows = shared.sum((1, 3))  # relevance starts at both tokens' rows, and at no other
    assert (rows[:, :2].abs() > 1e-3).all() and rows[:, 2:].abs().max() < 1e-12


@pytest.mark.parametrize(
    "options",
    [
        {"reg_tokens": 2, "no_embed_class": True, "init_values": 0.1},
        {"global_pool": "avg", "reg_tokens": 1, "pre_norm": True},
        {"global_pool": "avg", "class_token": False},
    ],
    ids=["registers", "averaged", "no class token"],
)
@pytest.mark.parametrize("name", ["vta", "rollout", "lrp", "gradcam"])
def test_timms_other_vits(name, options):
    model = VisionTransformer(img_size=16, patch_size=4, embed_dim=32, depth=2, num_heads=2, num_classes=3, **options)
    backbone = backbones.wrap("odd", model, tuple("abc"), (0.5,) * 3, (0.5,) * 3, 16)
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    maps = explaining.build(name, backbone)(images, torch.tensor([0, 2]))
    assert maps.shape == (2, *((16, 16) if name == "lrp" else (4, 4))) and torch.isfinite(maps).all() and (maps != 0).any()


def test_fused_attention_is_restored_and_no_hook_stays_after_an_exception():
    model = backbones.build("vit_embedded").model
    modules = list(model.modules())
    with pytest.raises(ZeroDivisionError), recorded(model, modules):
        assert not any(module.fused_attn for module in modules if hasattr(module, "fused_attn"))
        raise ZeroDivisionError
    assert all(module.fused_attn for module in modules if hasattr(module, "fused_attn"))
    assert not any(module._forward_hooks for module in modules)


def test_a_module_that_does_not_run_leaves_no_hole():
    layer = torch.nn.Linear(2, 2)
    with pytest.raises(FvitError, match="did not run; run the model inside the with"), recorded(layer, [layer]):
        pass


def test_a_module_that_runs_twice_is_refused():
    layer = torch.nn.Linear(2, 2)
    with pytest.raises(FvitError, match="ran twice"), recorded(torch.nn.Sequential(layer, layer), [layer]):
        torch.nn.Sequential(layer, layer)(torch.zeros(1, 2))


@pytest.mark.parametrize("classes", [[10], [-1], [0, 1]])
def test_a_class_out_of_range_is_refused(classes):
    explain = explaining.build("raw_attention", double("vit_embedded"))
    with pytest.raises(FvitError, match="one of 0 to 9 for each is expected"):
        explain(torch.zeros(1, 3, 64, 64, dtype=torch.float64), torch.tensor(classes))


def test_nan_is_refused_by_name():
    with pytest.raises(FvitError, match="rollout of vit_embedded gave NaN or infinity for picture 1"):
        images = torch.zeros(2, 3, 64, 64, dtype=torch.float64)
        images[1, 0, 0, 0] = torch.nan
        explaining.build("rollout", double("vit_embedded"))(images, torch.tensor([0, 0]))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("vat", "unknown explainer 'vat'.*nearest: vta"),
        ("vta:start=1", "unknown option of vta 'start'.*nearest: start_layer"),
        ("vta:start_layer=one", "vta:start_layer=one given; a whole number is expected"),
        ("vta:rules=chef", "unknown rule set 'chef'.*nearest: chefer"),
        ("vta:start_layer=6", "layer 6 was asked for; there are 6, 0 to 5"),
        ("rollout:discard=1", "discard ratio 1.0; at least 0 and below 1"),
        ("rollout:fusion=median", "unknown head fusion 'median'"),
        ("lrp:form=half", "unknown form 'half'"),
        ("lrp:form=partial:gradients=yes", "gradients=yes given; true or false is expected"),
    ],
)
def test_a_wrong_spec_says_what_is_wanted(spec, said):
    with pytest.raises(FvitError, match=said):
        explaining.build(spec, double("vit_embedded"))(torch.zeros(1, 3, 64, 64, dtype=torch.float64), torch.tensor([0]))


@pytest.mark.parametrize(
    ("options", "said"),
    [({"qk_norm": True}, "normalises inside its attention .q_norm."), ({"class_token": False, "global_pool": "max"}, "pooling 'max'")],
)
def test_unknown_attention_is_named(options, said):
    model = VisionTransformer(img_size=16, patch_size=8, embed_dim=16, depth=1, num_heads=2, num_classes=3, **options)
    with pytest.raises(FvitError, match=said):
        explaining.build("rollout", backbones.wrap("odd", model, tuple("abc"), (0.5,) * 3, (0.5,) * 3, 16))


def test_a_swin_that_does_not_average_is_named():
    model = SwinTransformer(
        img_size=16, patch_size=4, embed_dim=8, depths=(1,), num_heads=(2,), window_size=4, num_classes=3, global_pool="max"
    )
    with pytest.raises(FvitError, match="a Swin with pooling 'max' given"):
        explaining.build("rollout", backbones.wrap("odd", model, tuple("abc"), (0.5,) * 3, (0.5,) * 3, 16))


def test_blocks_without_attention_of_their_own_are_named():
    model = VisionTransformer(img_size=16, patch_size=8, embed_dim=16, depth=1, num_heads=2, num_classes=3, block_fn=ParallelThingsBlock)
    with pytest.raises(FvitError, match="is a ParallelThingsBlock; no relevance is defined for it"):
        explaining.build("rollout", backbones.wrap("odd", model, tuple("abc"), (0.5,) * 3, (0.5,) * 3, 16))


def test_a_picture_of_another_size_and_a_name_of_two_classes():
    vit = double("vit_embedded")
    with pytest.raises(FvitError, match="pictures of 32 x 32 given; vit_embedded wants 64 x 64"):
        explaining.build("rollout", vit)(torch.zeros(1, 3, 32, 32, dtype=torch.float64), torch.tensor([0]))
    cranes = replace(vit, classes=("crane", "dog", "crane"))
    assert explaining.class_number("2", cranes) == 2 and explaining.class_number("dog", cranes) == 1
    with pytest.raises(FvitError, match="2 classes of vit_embedded are called 'crane'; give its number, the first is 0"):
        explaining.class_number("crane", cranes)


def test_a_model_of_another_family_is_named():
    with pytest.raises(FvitError, match="its class is ResNet, one of VisionTransformer"):
        explaining.build("vta", backbones.build("timm:resnet18"))
