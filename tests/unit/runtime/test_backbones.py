"""Backbones compute the recorded logits, take [0, 1] pixels and any timm model, and refuse by name what does not fit."""

import pytest
import torch
from safetensors.torch import save_file
from timm.data import resolve_data_config

from helpers.models import vit
from helpers.oracle import tensors
from runtime import plugins
from runtime.backbones import build as backbones
from runtime.errors import CheckpointError, FvitError

NAMES = [name for plugin in plugins.names("runtime.backbones") for name in plugins.load("runtime.backbones", plugin).NAMES]


@pytest.mark.parametrize("name", ["vit_s64", "vit_t224", "vit_base"])
@torch.inference_mode()
def test_recorded_logits(name):
    saved = tensors(f"vit_models/{name}.npz")
    found = vit(name).model(saved["u8"].float() / 255)
    for made_by in ("logits_timm", "logits_vit_new", "logits_vit_lrp"):
        torch.testing.assert_close(found, saved[made_by], atol=1e-4, rtol=1e-4)


def test_the_names_that_the_issue_asks_for():
    assert {"vit_b16", "deit_b16", "deit_b16_distilled", "swin_b", "vit_embedded", "deit_embedded", "swin_embedded"} <= set(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("_embedded")])
@torch.inference_mode()
def test_small_ones(name):
    built = backbones.build(name)
    pictures = torch.rand(2, 3, built.size, built.size)
    scores = built.model(pictures)
    assert scores.shape == (2, len(built.classes)) and scores.std() > 0.01 and str(built.weights).startswith("trained, ")
    assert torch.equal(scores, backbones.build(name).model(pictures))


@pytest.mark.parametrize(("name", "millions", "prefix"), [("vit_b16", 86.6, 1), ("deit_b16_distilled", 87.3, 2), ("swin_b", 87.8, 0)])
def test_the_papers_size(name, millions, prefix):
    built = backbones.build(name)
    assert sum(p.numel() for p in built.model.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)
    assert built.size == 224 and built.prefix_tokens == prefix and len(built.classes) == 1000
    assert not built.model.training and not any(p.requires_grad for p in built.model.parameters())


@torch.inference_mode()
def test_a_timm_model_with_its_own_normalisation():
    built = backbones.build("timm:vit_tiny_patch16_224")
    inner = built.model.get_submodule("model")
    config = resolve_data_config({}, model=inner)
    x = torch.rand(1, 3, 224, 224)
    mean, std = (torch.tensor(config[key]).reshape(1, 3, 1, 1) for key in ("mean", "std"))
    torch.testing.assert_close(built.model(x), inner((x - mean) / std))


@torch.inference_mode()
def test_a_users_weights_and_classes(tmp_path):
    (tmp_path / "classes.txt").write_text("cat\ndog\n\n")
    first = backbones.build("timm:vit_tiny_patch16_224", classes=tmp_path / "classes.txt")
    inner = first.model.get_submodule("model")
    state = {key: value + 0.01 for key, value in inner.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    second = backbones.build("timm:vit_tiny_patch16_224", tmp_path / "w.safetensors", tmp_path / "classes.txt")
    assert second.classes == ("cat", "dog") and (second.weights.kind, str(second.weights)) == ("file", "file w.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(second.model.get_submodule("model").state_dict().values(), state.values(), strict=True))


def test_what_cannot_be_built(tmp_path):
    with pytest.raises(FvitError, match=r"unknown backbone 'vit_b17'.*nearest: vit_b16"):
        backbones.build("vit_b17")
    with pytest.raises(FvitError, match=r"unknown timm model 'vit_tiny_patch16_225'.*nearest: vit_tiny_patch16_224"):
        backbones.build("timm:vit_tiny_patch16_225")
    with pytest.raises(FvitError, match="no class names at"):
        backbones.build("vit_embedded", classes=tmp_path / "missing.txt")
    (tmp_path / "two.txt").write_text("a\nb\n")
    with pytest.raises(FvitError, match="names 2 classes, vit_embedded has 10"):
        backbones.build("vit_embedded", classes=tmp_path / "two.txt")
    save_file({"odd": torch.zeros(1)}, tmp_path / "odd.safetensors")
    with pytest.raises(CheckpointError, match=r"of another architecture: it lacks .*; has besides odd"):
        backbones.build("vit_embedded", tmp_path / "odd.safetensors")


def test_a_backbone_from_outside_with_a_name_of_ours(tmp_path, monkeypatch):
    monkeypatch.setattr(plugins, "_added", {})
    (tmp_path / "backbones").mkdir()
    (tmp_path / "backbones" / "own.py").write_text("NAMES = ('vit_b16',)")
    plugins.add(tmp_path)
    with pytest.raises(FvitError, match=r"both have a backbone called vit_b16; rename one"):
        backbones.build("deit_embedded")
