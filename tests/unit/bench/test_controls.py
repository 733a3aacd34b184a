"""The cheap denoisers: what they do to a picture, whatever its noise."""

import pytest
import torch

from bench.worlds.defence import CONTROLS
from helpers.small import rng
from runtime.noise import DrawNoise

NOISE = DrawNoise(0, [0], [0])


@pytest.mark.parametrize("name", ["blur", "jpeg"])
def test_a_flat_picture_stays_and_noise_shrinks(name):
    flat = torch.full((2, 3, 64, 64), 0.5)
    torch.testing.assert_close(CONTROLS[name](flat, 0.25, NOISE), flat, atol=0.003, rtol=0)
    noisy = flat + 0.1 * torch.randn(flat.shape, generator=rng())
    found = CONTROLS[name](noisy, 0.25, NOISE)
    assert found.shape == noisy.shape and found.dtype == noisy.dtype and float((found - flat).std()) < 0.06


def test_a_blur_spreads_a_point_by_one_pixel_of_64():
    point = torch.zeros(1, 3, 64, 64)
    point[..., 32, 32] = 1.0
    spread = CONTROLS["blur"](point, 0.0, NOISE)[0, 0]
    offset = torch.arange(64.0) - 32
    assert float(spread.sum()) == pytest.approx(1, abs=1e-4)
    assert float((spread.sum(0) * offset**2).sum()) == pytest.approx(1, abs=0.03)
