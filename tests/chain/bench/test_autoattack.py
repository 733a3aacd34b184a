"""topk on trained networks: its rollout is rollout, and moves as no noise moves it."""

import pytest
import torch

from bench.attacks import topk, uniform
from bench.attacks._budget import paper
from bench.attacks._target import Target, classifier
from bench.metrics import overlap
from bench.worlds.data import digits as embedded
from helpers.small import rng
from runtime.backbones import build as backbones
from runtime.maps import explain


@pytest.fixture(scope="module", params=["vit_embedded", "deit_embedded", "swin_embedded"])
def explained(request):
    """A trained transformer in float64, and pictures whose class it is sure of: on noise the class goes before the map does."""
    built = backbones.build(request.param)
    built.model.double()
    return built, embedded.batch("digits", "val", range(4)).images.double()


def test_rollout_with_a_gradient_is_rollout(explained):
    backbone, images = explained[0], explained[1].clone().requires_grad_()
    fused = [module.fused_attn for module in backbone.model.modules() if hasattr(module, "fused_attn")]
    found = topk.rollout(backbone)(images, range(4))
    torch.testing.assert_close(found.detach(), explain.build("rollout", backbone)(images.detach(), torch.arange(4)), atol=0, rtol=0)
    way, weight = (torch.randn(like.shape, generator=rng(7), dtype=torch.float64) for like in (images, found))
    (gradient,) = torch.autograd.grad((found * weight).sum(), images)
    with torch.no_grad():
        ahead, behind = ((topk.rollout(backbone)(images + h * way, range(4)) * weight).sum() for h in (1e-5, -1e-5))
    torch.testing.assert_close((gradient * way).sum(), (ahead - behind) / 2e-5, rtol=1e-5, atol=0)
    assert not any(module._forward_hooks for module in backbone.model.modules())
    assert [module.fused_attn for module in backbone.model.modules() if hasattr(module, "fused_attn")] == fused


def test_topk_moves_a_rollout_and_noise_does_not(explained):
    backbone, images = explained
    target, numbers = Target(classifier(backbone.model), maps=topk.rollout(backbone)), range(4)
    with torch.no_grad():
        labels, clean = target.scores(images, numbers).argmax(1), target.maps(images, numbers)
    kept = {}
    for build in (topk.build, uniform.build):
        found = build(target, paper("linf", 8 / 255, "2/255", seed=0))(images, labels, numbers)
        with torch.no_grad():
            kept[build] = overlap.topk(clean, target.maps(found, numbers), topk.K)
            assert torch.equal(target.scores(found, numbers).argmax(1), labels)
    assert (kept[topk.build] <= kept[uniform.build]).all() and kept[topk.build].mean() < 0.7 < 0.9 < kept[uniform.build].mean()
