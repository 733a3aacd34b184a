"""guided-diffusion checkpoints computed by diffusers' modules equal the original network, at every recorded point."""

import json

import pytest
import torch
from safetensors.torch import save_file

from helpers.oracle import need, tensors, weights
from runtime.diffusion import unet
from runtime.errors import CheckpointError

HEADS = {"unet_a": 16, "unet_b": 32, "unet_c_6level": 16}
CLOSE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.fixture(scope="module", params=HEADS)
def network(request):
    recorded = tensors(f"guided_diffusion/{request.param}.npz")
    return unet.from_guided(weights(f"guided_diffusion/{request.param}"), request.param, HEADS[request.param]), recorded


def test_output(network):
    model, recorded = network
    torch.testing.assert_close(model(recorded["x"], recorded["t"]), recorded["out"], **CLOSE)


def test_pictures_that_are_not_square(network):
    model, recorded = network
    if "x_nonsquare" not in recorded:
        pytest.skip("this oracle has square pictures alone")
    torch.testing.assert_close(model(recorded["x_nonsquare"], recorded["t_nonsquare"]), recorded["out_nonsquare"], **CLOSE)


def test_time_between_two_steps(network):
    model, recorded = network
    if "t_fractional" not in recorded:
        pytest.skip("this oracle has whole steps alone")
    torch.testing.assert_close(model(recorded["x"][:2], recorded["t_fractional"]), recorded["out_fractional"], **CLOSE)


def test_input_gradient(network):
    """To 3e-4 of its deviation: unet_a's recorded gradient (deviation 4.3, float32) lies 6e-4 from the one computed here in float64."""
    model, recorded = network
    if "vjp_w" not in recorded:
        pytest.skip("this oracle has no gradient")
    x = recorded["x"][:2].clone().requires_grad_(True)
    (model(x, recorded["t"][:2]) * recorded["vjp_w"]).sum().backward()
    wanted = recorded["vjp_grad_x"]
    torch.testing.assert_close(x.grad, wanted, atol=3e-4 * wanted.std().item(), rtol=1e-4)


def test_every_published_key_is_known():
    """The published checkpoint's 600 keys and shapes, on the meta device: inferred as ADM_256, and each parameter filled once."""
    shapes = json.loads(need("guided_diffusion/keys_256x256_diffusion_uncond.json").read_text())
    state = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    config = unet.infer(state, "published")
    assert config == unet.ADM_256
    with torch.device("meta"):
        wanted = unet.build(config).unet.state_dict()
    found = unet.translate(state, config, "published")
    assert {key: value.shape for key, value in found.items()} == {key: value.shape for key, value in wanted.items()}


def test_a_safetensors_file_and_a_pt_file(tmp_path):
    state = weights("guided_diffusion/unet_b")
    recorded = tensors("guided_diffusion/unet_b.npz")
    save_file(state, tmp_path / "w.safetensors")
    torch.save({"state_dict": state}, tmp_path / "w.pt")
    a, b = (unet.load(tmp_path / name, 32)(recorded["x"][:1], recorded["t"][:1]) for name in ("w.safetensors", "w.pt"))
    assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("spoil", "wanted"),
    [
        (lambda s: {"conv.weight": torch.zeros(1)}, "its first keys are conv.weight"),
        (lambda s: s | {"label_emb.weight": torch.zeros(1)}, "nothing here is called label_emb.weight"),
        (lambda s: {k: v for k, v in s.items() if k != "out.0.bias"}, "lacks conv_norm_out.bias"),
        (lambda s: s | {"out.0.bias": torch.zeros(3)}, r"other shapes: conv_norm_out.bias \(3,\) for \(64,\)"),
        (lambda s: s | {"out.0.bias": torch.full((64,), float("nan"))}, "NaN or infinity in conv_norm_out.bias"),
        (lambda s: s | {"input_blocks.1.0.odd.weight": torch.zeros(1)}, "input_blocks.1.0.odd.weight is no part of"),
        (lambda s: {k: v for k, v in s.items() if k != "input_blocks.1.0.out_layers.3.weight"}, "lacks input_blocks.1.0.out_layers.3"),
    ],
    ids=["foreign", "class-conditional", "key missing", "shape", "NaN", "unknown part", "incomplete"],
)
def test_a_checkpoint_that_does_not_fit(spoil, wanted):
    with pytest.raises(CheckpointError, match=wanted):
        unet.from_guided(spoil(weights("guided_diffusion/unet_b")), "w.pt", 32)


def test_a_head_size_that_does_not_divide():
    with pytest.raises(CheckpointError, match="give the number of channels per head"):
        unet.from_guided(weights("guided_diffusion/unet_b"), "w.pt", 48)
