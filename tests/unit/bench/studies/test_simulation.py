"""The simulation notices certificates that are wrong too often, and answers once it is certain."""

from types import SimpleNamespace

import numpy as np
import pytest

from bench.studies.certify import simulation
from runtime.certificates.certify import Top


@pytest.fixture(scope="module")
def networks():
    return {network.name: network for network in simulation.networks()}


def wrong(network, bound, runs, seed=0):
    """How many of `runs` maps' certificates of `bound` are larger than the truth."""
    rng, voted = np.random.default_rng(seed), bound in (simulation.VOTE, simulation.NO_UNION)
    return sum(network.loses(simulation.outcomes(network, rng)[bound][1], voted) for _ in range(runs))


@pytest.mark.parametrize(("name", "bound"), [("tied cells", simulation.NO_UNION), ("mass seldom seen", simulation.LEVELS_AFTER)])
def test_a_planted_bound_is_caught(networks, name, bound):
    """tests/extra has the whole table; of a right bound 2.5 % may be wrong."""
    errors = wrong(networks[name], bound, 60)
    assert simulation.bounds.lower(errors, 60, 0.01) > simulation.ALPHA / 2


def test_the_map_under_a_shift_is_that_of_the_draws(networks):
    """The mean of draws that really are shifted."""
    for network in networks.values():
        shift = 0.7 * network.directions(np.arange(network.claim.k))[0]
        noise = np.random.default_rng(0).standard_normal((20_000, network.numbers)) + shift
        drawn = network.draw(SimpleNamespace(standard_normal=lambda shape, noise=noise: noise), 20_000)[1]
        np.testing.assert_allclose(drawn.mean(0), network.mean(shift), atol=0.01)


def test_a_radius_is_tried_by_shifting_the_picture(networks):
    """Where one number moves all cells, the named ones leave at its quantile."""
    network = networks["one number moves all"]
    cells = (*range(8), 16, 17)
    assert not network.loses(Top(cells, 0.99), True) and network.loses(Top(cells, 1.01), True)
    assert not network.loses(Top(cells, 0.0), True)


@pytest.mark.parametrize("hits", [0, 50, 100])
def test_answers_once_certain(hits):
    question = simulation.Question(simulation.Claim(1.0, 0.05, 3, 0.5), 0.1, (100, 200), tops=False)
    assert simulation.answer(question, hits, 100) == {0: False, 50: None, 100: True}[hits]
    assert simulation.answer(question, 110, 200) is False  # the last look: what is not certain abstains


def test_the_table():
    text = simulation.render([simulation.Rate("ties", "vote", 3, 2, 100, 0.01, 0.5)])
    assert "| ties | vote | 3 of 100 | 2 of 100 | 0.0100 | 50% |" in text
