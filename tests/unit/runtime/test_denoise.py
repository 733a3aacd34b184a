"""Denoisers equal the public samplers when they are given the same noise, and the exact answer where there is one."""

import math

import numpy as np
import pytest
import torch

from helpers.oracle import tensors, weights
from runtime.diffusion import denoise, schedule, unet
from runtime.diffusion.schedule import from_network, to_pixels
from runtime.errors import FvitError

LINEAR = schedule.linear()
CLOSE = {"atol": 1e-4, "rtol": 1e-4}
LOOP = {"atol": 1e-3, "rtol": 1e-3}


class Recorded:
    """Gives out noise that was recorded, in its order."""

    def __init__(self, *blocks):
        self.blocks = list(blocks)

    def normal(self, like):
        return self.blocks.pop(0)


@pytest.fixture(scope="module")
def network():
    return unet.from_guided(weights("guided_diffusion/unet_a"), "unet_a", 16)


def scaled(x):
    return 2 * x - 1


@torch.inference_mode()
def test_one_shot_is_the_released_denoise(network):
    saved = tensors("dds_timestep/denoise_unet_a.npz")
    run = denoise.one_shot(network, LINEAR)
    for i, t in enumerate(saved["t"].tolist()):
        sigma = float(LINEAR.sigmas[t])
        found = run(saved["x01"] + sigma * saved["noise"][i], sigma, Recorded())
        torch.testing.assert_close(scaled(found), saved["denoised"][i], **CLOSE)


@torch.inference_mode()
def test_start_of_the_posterior(network):
    saved = tensors("guided_diffusion/unet_a.sampling.npz")
    for i, t in enumerate(saved["p_t"].tolist()):
        x_t = math.sqrt(LINEAR.alpha_bar[t]) * saved["x0"] + math.sqrt(1 - LINEAR.alpha_bar[t]) * saved["noise"]
        out = network(x_t, torch.full((2,), float(t)))
        sigma = torch.full((2,), float(LINEAR.sigmas[t]))
        pixels = to_pixels(x_t / math.sqrt(LINEAR.alpha_bar[t]))
        torch.testing.assert_close(scaled(from_network(pixels, out[:, :3], sigma)), saved["p_pred_xstart"][i], **CLOSE)


@torch.inference_mode()
def test_chain_is_ancestral_sampling(network):
    saved = tensors("guided_diffusion/unet_a.sampling.npz")
    t = int(saved["anc_tstar"])
    noisy = to_pixels(saved["anc_x_start"] / math.sqrt(LINEAR.alpha_bar[t]))
    found = denoise.chain(network, LINEAR)(noisy, float(LINEAR.sigmas[t]), Recorded(*saved["anc_noise"]))
    torch.testing.assert_close(scaled(found), saved["anc_samples"][-1].clamp(-1, 1), **LOOP)


@torch.inference_mode()
@pytest.mark.parametrize("start", ["from t*", "from t* - 1"])
def test_every_step_of_the_chain(network, start):
    """The released multi-step loop begins one step late; given the same steps, ours gives its pictures."""
    saved = tensors("guided_diffusion/unet_a.sampling.npz")
    whole, late = (saved["anc_t"].tolist(), saved["anc_samples"]), (saved["dds_multistep_t"].tolist(), saved["dds_multistep_samples"])
    steps, samples = whole if start == "from t*" else late
    for upto in range(1, len(steps) + 1):
        found = denoise.ancestral(network, LINEAR, saved["anc_x_start"], steps[:upto], Recorded(*saved["anc_noise"]))
        torch.testing.assert_close(found, samples[upto - 1], **LOOP)


@torch.inference_mode()
def test_chain_over_a_respaced_process(network):
    saved = tensors("guided_diffusion/unet_a.respaced.npz")
    short = schedule.respaced(LINEAR, saved["ancestral_10/timestep_map"].numpy())
    found = denoise.ancestral(network, short, saved["ancestral_10/x_T"], range(9, -1, -1), Recorded(*saved["ancestral_10/noise"]))
    torch.testing.assert_close(found, saved["ancestral_10/samples"][-1], **LOOP)


@torch.inference_mode()
@pytest.mark.parametrize("eta", [0.0, 0.7])
def test_ddim_over_a_respaced_process(network, eta):
    saved = {key.partition("/")[2]: value for key, value in tensors("guided_diffusion/unet_a.respaced.npz").items() if f"eta{eta}/" in key}
    short = schedule.respaced(LINEAR, saved["timestep_map"].numpy())
    noise = Recorded(*saved["noise"]) if eta else None
    torch.testing.assert_close(denoise.deterministic(network, short, saved["x_T"], eta, noise), saved["samples"][-1], **LOOP)


def gaussian(spread: float):
    """The exact epsilon for pictures ~ N(0, spread^2) in the network's units, as a network: eps = sqrt(1 - abar) x / var(x_t)."""

    def network(x, t):
        abar = torch.from_numpy(LINEAR.alpha_bar)[t.long()].to(x).reshape(-1, 1, 1, 1)
        return (1 - abar).sqrt() * x / (abar * spread**2 + 1 - abar)

    return network


def test_one_shot_gives_the_posterior_mean(rng):
    """For Gaussian pictures E[x_0 | x_0 + s n] = spread^2 / (spread^2 + s^2) (x_0 + s n), in the network's units."""
    sigma = float(LINEAR.sigmas[45])
    noisy = 0.5 + 0.05 * torch.randn(4, 3, 8, 8, generator=rng)
    found = denoise.one_shot(gaussian(0.2), LINEAR)(noisy, sigma, Recorded())
    torch.testing.assert_close(scaled(found), scaled(noisy) * 0.04 / (0.04 + 4 * sigma**2), atol=1e-5, rtol=1e-4)


def test_the_chain_restores_the_distribution(rng):
    """Started from q(x_t*), ancestral sampling ends with pictures of the spread it was made for (one call: with half of it)."""

    class Fresh:
        def normal(self, like):
            return torch.randn(like.shape, generator=rng)

    t, spread = 107, 0.2
    sigma = float(LINEAR.sigmas[t])
    pictures = 0.5 + spread / 2 * torch.randn(8, 3, 32, 32, generator=rng)
    noisy = pictures + sigma * torch.randn(8, 3, 32, 32, generator=rng)
    found = scaled(denoise.chain(gaussian(spread), LINEAR)(noisy, sigma, Fresh()))
    assert found.std().item() == pytest.approx(spread, rel=0.05)  # the posterior's variance is a little below the exact one
    assert scaled(denoise.one_shot(gaussian(spread), LINEAR)(noisy, sigma, Fresh())).std().item() < 0.6 * spread


def counted(calls: list):
    def network(x, t):
        calls.append(t[0].item())
        return torch.zeros_like(x)

    return network


@pytest.mark.parametrize(
    ("name", "steps", "visited"),
    [("one_shot", None, [8]), ("chain", None, range(8, -1, -1)), ("ddim", 1, [8]), ("ddim", 3, [8, 4, 0]), ("ddim", 50, range(8, -1, -1))],
)
def test_the_steps_a_denoiser_visits(name, steps, visited):
    calls: list[float] = []
    run = denoise.build(name, counted(calls), LINEAR, steps)
    run(torch.full((1, 3, 4, 4), 0.5), float(LINEAR.sigmas[8]), Recorded(*torch.zeros(9, 1, 3, 4, 4)))
    assert calls == list(visited) and len(calls) == denoise.calls(name, 8, steps)


def test_released_starts_too_deep_and_adds_its_noise_again():
    calls: list[float] = []
    nominal = 8 / 255
    known = schedule.level(LINEAR, nominal, "released")
    noisy, ones = torch.full((1, 3, 4, 4), 0.5), torch.ones(1, 3, 4, 4)
    found = denoise.released(counted(calls), LINEAR)(noisy, known.sigma, Recorded(*[torch.zeros_like(ones)] * 46, ones))
    short = schedule.respaced(LINEAR, 250)
    assert calls == short.timestep_map[45::-1].tolist() and calls[0] > 4 * 45 - 4
    torch.testing.assert_close(found, noisy + known.sigma)
    assert known.sigma == nominal / 2 and known.believed > 10 * known.sigma


def test_what_cannot_be_built():
    with pytest.raises(FvitError, match=r"unknown denoiser 'one_shit'.*nearest: one_shot"):
        denoise.build("one_shit", None, LINEAR)
    with pytest.raises(FvitError, match="takes no number of steps, only ddim does"):
        denoise.build("chain", None, LINEAR, 3)
    with pytest.raises(FvitError, match="ddim wants a number of steps"):
        denoise.build("ddim", None, LINEAR)
    with pytest.raises(FvitError, match="ddim with 0 steps"):
        denoise.build("ddim", None, LINEAR, 0)


def test_ddim_without_noise_is_deterministic():
    x = torch.from_numpy(np.random.RandomState(0).rand(1, 3, 4, 4).astype(np.float32))
    run = denoise.ddim(gaussian(0.3), LINEAR, 4)
    assert torch.equal(run(x, 0.1, Recorded()), run(x, 0.1, Recorded()))
