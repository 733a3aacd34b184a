"""Do the maps mean something? On the trained embedded ViT: they depend on its weights and the class, and lie on the object."""

import numpy as np
import pytest
import torch

from bench.metrics import segmentation
from bench.records.stats import mean
from bench.worlds.data import digits as embedded
from runtime.backbones import build as backbones
from runtime.maps.explain import build
from runtime.network import randomize


@pytest.fixture(scope="module")
def vit():
    return backbones.build("vit_embedded")


SAME = {"vta": 0.95, "gradcam": 0.95, "lrp": 0.95, "grad_rollout": 0.95, "input_gradient": 0.95, "rollout": 0.999}


@pytest.mark.parametrize(("name", "most"), SAME.items())
def test_maps_change_when_the_last_layers_are_randomised(vit, name, most):
    """Adebayo et al. 2018: a map that stays has not looked at what was learned. Rollout hardly does: half of each layer is the identity."""
    batch = embedded.batch("digits", "test", range(6))
    before = build(name, vit)(batch.images, batch.labels).flatten(1)
    other = backbones.build("vit_embedded")
    for layer in (*other.model.get_submodule("model.blocks")[-2:], other.model.get_submodule("model.head")):
        randomize(layer, 1)
    after = build(name, other)(batch.images, batch.labels).flatten(1)
    alike = torch.stack([torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(before, after, strict=True)])
    assert torch.isfinite(alike).all() and alike.median() < most


@pytest.mark.parametrize("name", ["vta", "gradcam", "lrp:form=partial", "attribution_rollout", "grad_rollout", "input_gradient"])
def test_two_classes_in_one_picture_have_two_maps(vit, name):
    batch = embedded.batch("pairs", "test", range(4))
    explain = build(name, vit)
    one, other = explain(batch.images, batch.labels), explain(batch.images, batch.others)
    assert not torch.allclose(one, other, rtol=1e-2, atol=1e-2 * one.abs().max().item())


def pixel_accuracy(maps, masks):
    """Of each picture."""
    return np.array([one["correct"] / one["labeled"] for one in segmentation.scores(maps, masks)])


@pytest.mark.parametrize("name", ["vta", "rollout"])
def test_maps_lie_on_the_object_more_than_random_ones(vit, name):
    batch = embedded.batch("digits", "test", range(60))
    mask = (batch.masks == 1).long()
    ours, control = (pixel_accuracy(build(spec, vit)(batch.images, batch.labels), mask) for spec in (name, "random"))
    assert mean((ours - control).tolist(), 0.99).low > 0


def test_the_inverse_lies_off_it(vit):
    batch = embedded.batch("digits", "test", range(40))
    mask = (batch.masks == 1).long()
    ours, inverse = (pixel_accuracy(build(spec, vit)(batch.images, batch.labels), mask) for spec in ("vta", "inverse:of=vta"))
    assert mean((ours - inverse).tolist(), 0.99).low > 0


@pytest.mark.parametrize("name", ["vit_embedded", "deit_embedded", "swin_embedded"])
def test_products_in_bf16_leave_the_map_where_it_was(name):
    """It moves maps no more than float32 itself, seen from float64: seldom, where a rule divides by a value near 0."""
    network, batch = backbones.build(name), embedded.batch("digits", "test", range(60))
    exact, low = (build(spec, network)(batch.images, batch.labels).flatten(1) for spec in ("vta", "vta:rules=chefer_bf16"))
    kept = [len({*a.topk(8).indices.tolist()} & {*b.topk(8).indices.tolist()}) / 8 for a, b in zip(exact, low, strict=True)]
    alike = torch.cosine_similarity(exact, low).sort().values
    assert not torch.equal(exact, low) and alike[3] > 0.999 and sum(kept) / len(kept) > 0.98
