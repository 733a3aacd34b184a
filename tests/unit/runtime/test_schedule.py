"""Schedules equal guided-diffusion's tables; rules give the paper's printed t* and the released search loop's."""

import json

import numpy as np
import pytest
import torch

from helpers.oracle import arrays, need
from runtime.diffusion import schedule
from runtime.errors import FvitError

SIGMAS = [k / 255 for k in (2, 4, 8, 12, 16)]
LINEAR = schedule.linear()


def test_linear_tables():
    wanted = arrays("guided_diffusion/schedule_linear_1000.npz")
    np.testing.assert_allclose(LINEAR.alpha_bar, wanted["alphas_cumprod"], rtol=1e-11)
    np.testing.assert_allclose(LINEAR.betas, wanted["betas"], rtol=1e-11)
    rows = np.array([LINEAR.posterior(step) for step in range(1000)])
    names = ("posterior_mean_coef1", "posterior_mean_coef2", "posterior_log_variance_clipped")
    np.testing.assert_allclose(rows[:, :3], np.stack([wanted[name] for name in names], 1), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(rows[:, 3], np.log(wanted["betas"]), rtol=1e-11)


def test_respaced_tables():
    wanted, short = arrays("guided_diffusion/schedule_respaced_25.npz"), schedule.respaced(LINEAR, 25)
    assert (short.timestep_map == wanted["timestep_map"]).all()
    np.testing.assert_allclose(short.betas, wanted["betas"], rtol=1e-11)
    np.testing.assert_allclose(short.alpha_bar, wanted["alphas_cumprod"], rtol=1e-11)


@pytest.mark.parametrize("named", ["imagenet_guided_diffusion_linear_1000", "cifar10_improved_diffusion_cosine_4000"])
def test_carlini_is_the_released_search_loop(named):
    cases = json.loads(need("dds_timestep/timesteps.json").read_text())[named]
    process = LINEAR if "linear" in named else schedule.cosine(4000)
    assert len(cases) > 3
    for case in cases:
        found = schedule.level(process, case["sigma_01"], "carlini")
        assert found.t == case["t"]
        np.testing.assert_allclose(2 * found.sigma, case["ratio_at_t"], rtol=1e-11)


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("cumulative", [2, 6, 15, 25, 35]),
        ("cumulative-unet-range", [0, 2, 6, 11, 15]),
        ("carlini", [2, 6, 15, 25, 35]),
        ("per-step", [0, 8, 45, 107, 193]),  # the t* the paper prints in Table 3
    ],
)
def test_t_star_of_table_3(rule, wanted):
    assert [schedule.level(LINEAR, sigma, rule).t for sigma in SIGMAS] == wanted


def test_per_step_between_the_printed_levels():
    assert [schedule.per_step(LINEAR, k / 255) for k in (5, 6, 7, 10)] == [15, 24, 34, 73]


def test_only_the_per_step_zero_means_no_denoiser():
    nothing = schedule.level(LINEAR, SIGMAS[0], "per-step")
    assert not nothing.denoises and nothing.sigma == SIGMAS[0]
    first = schedule.level(LINEAR, SIGMAS[0], "cumulative-unet-range")
    assert first.t == 0 and first.denoises and first.sigma == pytest.approx(float(LINEAR.sigmas[0]))


def test_the_real_noise_is_that_of_the_step():
    found = schedule.level(LINEAR, SIGMAS[4], "per-step")
    assert found.sigma == found.believed == pytest.approx(float(LINEAR.sigmas[193])) and found.sigma > 4 * SIGMAS[4]


def test_network_units_and_back():
    abar = LINEAR.alpha_bar[45]
    x0, n = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    sigma = torch.full((2,), float(LINEAR.sigmas[45]))
    noisy = x0 + sigma[0] * n
    x_t = schedule.to_network(noisy, sigma)
    torch.testing.assert_close(x_t, float(abar) ** 0.5 * (2 * x0 - 1) + float(1 - abar) ** 0.5 * n)
    torch.testing.assert_close(schedule.from_network(noisy, n, sigma), x0)


@pytest.mark.parametrize("sigma", [0.0, -0.1, float("nan"), float("inf")])
@pytest.mark.parametrize("rule", schedule.RULES)
def test_a_sigma_that_is_no_noise_level(rule, sigma):
    with pytest.raises(FvitError, match="a finite number above 0 is expected"):
        schedule.level(LINEAR, sigma, rule)


@pytest.mark.parametrize(("rule", "sigma"), [("cumulative", 1e4), ("carlini", 1e4), ("per-step", 3.0)])
def test_t_star_beyond_the_schedule(rule, sigma):
    with pytest.raises(FvitError, match="choose a smaller sigma"):
        schedule.level(LINEAR, sigma, rule)


def test_released_beyond_its_respacing():
    assert schedule.level(LINEAR, SIGMAS[2], "released").t == 45
    with pytest.raises(FvitError, match="250-step process"):
        schedule.level(LINEAR, 0.2, "released")


def test_unknown_rule_names_the_nearest():
    with pytest.raises(FvitError, match=r"unknown rule 'per-stp'.*nearest: per-step"):
        schedule.level(LINEAR, 0.1, "per-stp")


def test_respacing_outside_the_schedule():
    with pytest.raises(FvitError, match="keep steps inside it"):
        schedule.respaced(LINEAR, np.array([0, 1000]))
