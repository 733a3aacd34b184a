"""Training: resumed it is what an unbroken one would have been; what breaks it leaves the last good state; what ships proves itself."""

import io
import json
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from rich.console import Console
from torch import nn

from bench.worlds.training import card as cards
from bench.worlds.training import recipes, train
from bench.worlds.training.recipes import Recipe
from bench.worlds.training.state import State, TrainingPoint
from runtime import checkpoints, plugins
from runtime.backbones import build as backbones
from runtime.diffusion import networks as denoisers
from runtime.errors import CheckpointError, FvitError


class Tiny(nn.Module):
    """Average colours and one linear layer, with a norm whose count is a whole number."""

    def __init__(self):
        super().__init__()
        self.norm, self.head = nn.BatchNorm1d(3), nn.Linear(3, 10)

    def forward(self, pixels):
        return self.head(self.norm(pixels.mean((2, 3))))


def loss(module, batch, step):
    return F.cross_entropy(module(batch.images).float(), batch.labels)


RECIPE = Recipe(Tiny, loss, lambda module: {"digits": 0.5}, eased=True, steps=8, batch=4, rate=1e-2, decay=0.1)


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Every network is Tiny, its state lies in a folder of its own, its pictures are made in this process.

    A fork of a pytest-xdist worker shares the pipe to its master, who twice lost a worker here.
    """
    monkeypatch.setenv("FVIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(train, "WORKERS", 0)
    use(monkeypatch, RECIPE)
    return tmp_path


def use(monkeypatch, recipe: Recipe) -> None:
    monkeypatch.setattr(recipes, "build", lambda teacher: dict.fromkeys(train.ORDER, recipe))


def go(tmp_path, minutes=None) -> str:
    console = Console(file=io.StringIO(), width=200)
    train.train(("denoiser",), minutes, console, tmp_path / "weights")
    return console.file.getvalue()


def shipped(tmp_path) -> dict:
    return checkpoints.read(tmp_path / "weights" / "unet_embedded.safetensors")


def test_interrupted_and_resumed_equals_unbroken(tiny, monkeypatch, tmp_path):
    go(tiny)
    unbroken = shipped(tiny)
    (train.folder() / "denoiser.safetensors").unlink()
    for end in (3, 5):
        with pytest.raises(KeyboardInterrupt):
            stop_at(monkeypatch, end)
            go(tiny)
    monkeypatch.undo()
    monkeypatch.setenv("FVIT_CACHE", str(tiny / "cache"))
    monkeypatch.setattr(train, "WORKERS", 0)
    use(monkeypatch, RECIPE)
    go(tiny)
    assert all(torch.equal(value, unbroken[key]) for key, value in shipped(tiny).items())


def stop_at(monkeypatch, end: int) -> None:
    """A kill after step `end`, the state of that step on the disk."""
    real = train._step

    def step(module, optimizer, recipe, batch, number):
        if number == end:
            raise KeyboardInterrupt
        return real(module, optimizer, recipe, batch, number)

    monkeypatch.setattr(train, "KEPT_EVERY", 0.0)
    monkeypatch.setattr(train, "_step", step)


def test_minutes_end_a_training_that_goes_on_later(tiny):
    assert "stopped at step 1 of 8; the same command goes on" in go(tiny, minutes=1e-9)
    assert State.at(train.folder() / "denoiser", RECIPE).step == 1
    assert "unet_embedded.safetensors" in go(tiny)


def test_a_loss_that_is_no_number_keeps_the_last_state(tiny, monkeypatch):
    go(tiny, minutes=1e-9)
    use(monkeypatch, replace(RECIPE, loss=lambda module, batch, step: loss(module, batch, step) * torch.nan))
    with pytest.raises(FvitError, match=r"the loss is nan at step 1 \(rate .*\); the last state is kept; lower the rate"):
        go(tiny)
    assert State.at(train.folder() / "denoiser", RECIPE).step == 1


def test_a_state_of_another_recipe_or_a_damaged_one_is_refused(tiny, monkeypatch):
    go(tiny, minutes=1e-9)
    with pytest.raises(FvitError, match="is of another recipe"):
        State.at(train.folder() / "denoiser", replace(RECIPE, rate=1.0))
    path = train.folder() / "denoiser.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="is no complete training state"):
        go(tiny)


def test_a_full_disk_keeps_the_state_before(tiny, monkeypatch):
    from bench.worlds.training import state as training_state

    def full(*args):
        raise OSError(28, "No space left on device")

    go(tiny, minutes=1e-9)
    monkeypatch.setattr(training_state, "save_file", full)
    with pytest.raises(FvitError, match=r"No space left on device.*the state before is kept"):
        go(tiny)
    assert State.at(train.folder() / "denoiser", RECIPE).step == 1


def test_a_full_disk_keeps_the_weights_before(tiny, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    go(tiny)
    before = (tiny / "weights" / "unet_embedded.safetensors").read_bytes()
    (train.folder() / "denoiser.safetensors").unlink()
    monkeypatch.setattr(cards, "save_file", full)
    with pytest.raises(FvitError, match=r"No space left on device.*the training's state is kept"):
        go(tiny)
    assert (tiny / "weights" / "unet_embedded.safetensors").read_bytes() == before
    monkeypatch.undo()


def test_the_card_says_how_the_weights_came_about(tiny):
    go(tiny)
    card = json.loads((tiny / "weights" / "unet_embedded.json").read_text())
    assert card["recipe"] == RECIPE.facts() and card["validation"] == {"digits": 0.5} and card["minutes"] >= 0
    assert {"commit", "sha256", "versions", "machine", "data", "curve", "parameters"} <= card.keys()
    assert (tiny / "weights" / "unet_embedded.png").stat().st_size > 5_000 and card["curve"][-1]["step"] == RECIPE.steps


def test_shipped_weights_prove_themselves(tiny):
    go(tiny)
    folder, module = tiny / "weights", Tiny()
    assert checkpoints.fill_shipped(module, "unet_embedded", folder).name.startswith("trained, ")
    path = folder / "unet_embedded.safetensors"
    whole = path.read_bytes()
    for spoilt in (whole[:-10], bytes([*whole[:-1], whole[-1] ^ 1])):
        path.write_bytes(spoilt)
        with pytest.raises(CheckpointError, match="was altered or truncated: its hash is not the one on its card"):
            checkpoints.fill_shipped(module, "unet_embedded", folder)
    path.write_bytes(whole)
    with pytest.raises(CheckpointError, match="of another architecture"):
        checkpoints.fill_shipped(nn.Linear(3, 10), "unet_embedded", folder)
    path.with_suffix(".json").write_text("{")
    with pytest.raises(CheckpointError, match=r"unet_embedded.json is damaged"):
        checkpoints.fill_shipped(module, "unet_embedded", folder)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"swin_embedded.json is missing from .*; install again, or train it"):
        checkpoints.fill_shipped(module, "swin_embedded", folder)


def test_the_rate_rises_and_falls():
    rates = [train.rate(replace(RECIPE, steps=100), step) for step in range(100)]
    assert max(rates) == pytest.approx(1e-2, rel=0.01) and rates[0] < rates[3] < rates[4] and rates[-1] == pytest.approx(1e-4, rel=0.05)


def test_no_training_picture_comes_twice_and_the_task_grows():
    recipe = replace(RECIPE, steps=300, batch=6)
    early, late = recipes.pictures(recipe, 0), recipes.pictures(recipe, 200)
    assert (early.others == -1).all() and (late.others >= 0).sum() == 2
    assert not any(torch.equal(a, b) for a in recipes.pictures(recipe, 200).images for b in recipes.pictures(recipe, 201).images)


@pytest.mark.parametrize("name", ["vit", "deit", "swin", "denoiser", "teacher"])
def test_every_recipe_has_a_loss_with_gradients(name, monkeypatch):
    found = recipes.build(lambda: recipes.residual_network().eval())[name]
    module = found.module().train()
    batch = recipes.pictures(replace(found, batch=3), found.steps - 1)
    found.loss(module, batch, 0).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())


@pytest.mark.parametrize("name", ["vit", "deit", "swin", "denoiser"])
def test_what_a_recipe_trains_is_what_the_runtime_builds(name, tmp_path):
    found = replace(recipes.build(recipes.residual_network)[name], score=lambda module: {"digits": 0.5})
    state = State(tmp_path / "state", found.facts(), curve=[TrainingPoint(1, 1.0, 1.0, {"digits": 0.5})])
    written = cards.write(name, found.module(), found, state, tmp_path)
    built = denoisers.architecture() if name == "denoiser" else plugins.load("runtime.backbones", name).architecture()
    assert checkpoints.fill_shipped(built, written.stem, tmp_path).name.startswith("trained, ")


@pytest.mark.parametrize("name", ["vit_embedded", "deit_embedded", "swin_embedded", "unet_embedded"])
def test_what_ships_is_trained_and_fits_its_card(name):
    card = json.loads((checkpoints.SHIPPED / f"{name}.json").read_text())
    built = denoisers.build(name) if name in denoisers.NAMES else backbones.build(name)
    assert str(built.weights) == f"trained, {card['sha256'][:12]}"
    trained = {
        cards.NAMES.get(network, f"{network}_embedded"): recipe for network, recipe in recipes.build(recipes.residual_network).items()
    }
    assert card["recipe"] == trained[name].facts() and card["minutes"] > 1 and card["curve"][-1]["step"] == card["recipe"]["steps"]
