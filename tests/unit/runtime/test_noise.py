"""Noise by law: mean 0 and standard deviation 1, the shape of the law, and the same numbers whatever the batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from runtime import chain, names, noise
from runtime.certificates import radii
from runtime.chain import Draws
from runtime.diffusion import denoise
from runtime.errors import FvitError
from runtime.noise import DrawNoise

SCIPY = {
    "gaussian": stats.norm(),
    "uniform": stats.uniform(-np.sqrt(3), 2 * np.sqrt(3)),
    "laplace": stats.laplace(scale=np.sqrt(0.5)),
}


def test_the_laws_are_those_of_the_light_list_and_of_the_certificates():
    assert tuple(noise.LAWS) == tuple(radii.LAWS) == names.NOISES == tuple(SCIPY)


@pytest.mark.parametrize("law", SCIPY)
def test_moments_and_shape_of_a_law(law):
    block = DrawNoise(3, range(8), [0] * 8).unit(law, torch.empty(8, 3, 64, 64))
    assert block.dtype == torch.float32 and abs(block.mean()) < 0.01 and abs(block.std() - 1) < 0.01
    assert stats.kurtosis(block.flatten()) == pytest.approx({"gaussian": 0.0, "uniform": -1.2, "laplace": 3.0}[law], abs=0.2)
    assert stats.kstest(block.flatten().numpy(), SCIPY[law].cdf).pvalue > 0.001


@pytest.mark.parametrize("law", SCIPY)
def test_a_draw_has_its_noise_whatever_its_company(law):
    like = torch.empty(3, 3, 5, 4)
    together = DrawNoise(1, [7, 7, 9], [0, 4, 0])
    blocks = [together.unit(law, like) for _ in range(2)]
    alone = DrawNoise(1, [7], [4])
    for block in blocks:
        assert torch.equal(alone.unit(law, like[:1])[0], block[1])
    assert not torch.equal(blocks[0], blocks[1]) and not torch.equal(blocks[0][0], blocks[0][2])


def test_gaussian_noise_is_what_it_was():
    like = torch.empty(2, 3, 4, 4)
    assert torch.equal(DrawNoise(0, [1, 2], [0, 5]).normal(like), DrawNoise(0, [1, 2], [0, 5]).unit("gaussian", like))
    with pytest.raises(FvitError, match="unknown noise 'gausian'; known: gaussian, uniform, laplace; nearest: gaussian"):
        DrawNoise(0, [1, 2], [0, 5]).unit("gausian", like)


def test_a_chain_adds_the_noise_of_its_law_and_certifies_gaussian_noise_alone():
    seen = []

    def classify(pixels):
        seen.append(pixels)
        return pixels.mean((2, 3))

    image = torch.full((1, 3, 8, 8), 0.5)
    made = replace(chain.staged(denoise.identity, classify, 0.2, (8, 8), 8), noise="uniform")
    made(image, [4], Draws(3, batch=3))
    expected = 0.5 + 0.2 * DrawNoise(0, [4] * 3, range(3)).unit("uniform", torch.empty(3, 3, 8, 8))
    torch.testing.assert_close(seen[0], expected)
    assert (seen[0] - 0.5).abs().max() <= 0.2 * np.sqrt(3) + 1e-6
    with pytest.raises(FvitError, match="uniform noise given; the l2 radius of a certified label is that of gaussian noise"):
        made.certify(image, [4], Draws(3), 2, 0.01)


@pytest.mark.parametrize("law", SCIPY)
@pytest.mark.parametrize("share", [0.5001, 0.6, 0.9, 0.999])
def test_a_radius_is_that_of_the_worst_half_line(law, share):
    """A classifier that says 'yes' below t, with P(z < t) = share: its majority turns exactly at a change of F^-1(share)."""
    assert radii.radius(law, share, 0.25) == pytest.approx(0.25 * SCIPY[law].ppf(share), rel=1e-9)
    assert radii.radius(law, 0.5, 0.25) == radii.radius(law, 0.1, 0.25) == 0.0


def test_radii_by_hand():
    """sigma = 1 / 4, share 0.9: lambda = 0.4330, b = 0.1768."""
    assert radii.radius("uniform", 0.9, 0.25) == pytest.approx(2 * 0.4330127 * 0.4, rel=1e-6)
    assert radii.radius("laplace", 0.9, 0.25) == pytest.approx(0.1767767 * np.log(5), rel=1e-6)
    assert radii.radius("gaussian", 0.9, 0.25) == pytest.approx(0.25 * 1.2815516, rel=1e-6)
    lecuyer = 0.1767767 / 2 * np.log(0.9 / 0.1)
    assert lecuyer < radii.radius("laplace", 0.9, 0.25)
    assert radii.in_norm("gaussian", 0.3, 1, 100) == radii.in_norm("gaussian", 0.3, 2, 100) == radii.in_norm("laplace", 0.3, 1, 100) == 0.3
    assert radii.in_norm("laplace", 0.3, 2, 100) == pytest.approx(0.03)
    with pytest.raises(FvitError, match=r"a share of 1\.2 given"):
        radii.radius("laplace", 1.2, 0.25)


@pytest.mark.parametrize("law", SCIPY)
def test_the_mean_of_the_largest_number_of_a_draw(law):
    drawn = np.abs(SCIPY[law].rvs(size=(4000, 300), random_state=np.random.default_rng(0))).max(1)
    assert radii.LAWS[law].largest(300) == pytest.approx(drawn.mean(), rel=0.01)
