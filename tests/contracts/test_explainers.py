"""What every explainer promises, for each file in runtime/explainers and each small backbone with a class token."""

import pytest
import torch

from runtime import backbone as backbones
from runtime import plugins
from runtime.errors import FvitError
from runtime.hooks import captured_attention


@pytest.fixture(params=[(e, b) for e in plugins.names("runtime.explainers") for b in ("vit_embedded", "deit_embedded")], ids="-".join)
def explained(request):
    name, backbone_name = request.param
    backbone = backbones.build(backbone_name)
    images = torch.rand(3, 3, backbone.size, backbone.size, generator=torch.Generator().manual_seed(0))
    return plugins.load("runtime.explainers", name).build(backbone), backbone, images, torch.tensor([1, 2, 3])


def test_maps_on_the_grid_finite_and_the_same_again(explained):
    explain, backbone, images, classes = explained
    maps = explain(images, classes)
    assert maps.shape == (3, *backbone.grid) and torch.isfinite(maps).all()
    assert torch.equal(maps, explain(images, classes))


def test_a_batch_equals_its_pictures_one_by_one(explained):
    explain, _, images, classes = explained
    singles = torch.cat([explain(images[i : i + 1], classes[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(explain(images, classes), singles, atol=1e-6, rtol=1e-4)


def test_no_hook_stays_and_fused_attention_is_restored(explained):
    explain, backbone, images, classes = explained
    blocks = [m for m in backbone.model.modules() if hasattr(m, "fused_attn")]
    before = [block.fused_attn for block in blocks]
    explain(images, classes)
    assert [block.fused_attn for block in blocks] == before
    assert not any(m._forward_hooks or m._backward_hooks for m in backbone.model.modules())


def test_fused_attention_is_restored_after_an_exception():
    backbone = backbones.build("vit_embedded")
    blocks = [m for m in backbone.model.modules() if hasattr(m, "fused_attn")]
    with pytest.raises(ZeroDivisionError), captured_attention(backbone.model):
        assert not any(block.fused_attn for block in blocks)
        raise ZeroDivisionError
    assert all(block.fused_attn for block in blocks) and not any(m._forward_hooks for m in backbone.model.modules())


def test_a_block_without_attention_is_no_empty_map():
    with pytest.raises(FvitError, match="no attention was captured"), captured_attention(torch.nn.Linear(2, 2)):
        pass


def test_rollout_refuses_a_backbone_without_class_token():
    with pytest.raises(FvitError, match="swin_embedded has none"):
        plugins.load("runtime.explainers", "rollout").build(backbones.build("swin_embedded"))
