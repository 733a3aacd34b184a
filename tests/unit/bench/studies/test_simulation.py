"""The simulation notices certificates that are wrong too often, and answers once it is certain."""

import numpy as np
import pytest

from bench.studies.certify import simulation
from runtime.certificates import certify


@pytest.mark.parametrize(("bound", "instead"), [("lower", lambda hits, n, alpha: hits / n), ("bernstein", lambda mean, *rest: 0 * mean)])
def test_a_certificate_without_its_bound_is_caught(monkeypatch, bound, instead):
    """Radii straight from the observed shares, or the observed map: many of them are too large."""
    monkeypatch.setattr(certify.bounds, bound, instead)
    scenario, rng = simulation.scenarios()[0], np.random.default_rng(0)
    assert sum(simulation.outcomes(scenario, rng)["fixed"].wrong for _ in range(40)) >= 10


@pytest.mark.parametrize("hits", [0, 50, 100])
def test_answers_once_certain(hits):
    question = simulation.Question(simulation.Claim(1.0, 0.05, 3, 0.5), 0.1, (100, 200), tops=False)
    assert simulation.answer(question, hits, 100) == {0: False, 50: None, 100: True}[hits]
    assert simulation.answer(question, 110, 200) is False  # the last look: what is not certain abstains


def test_the_table():
    text = simulation.render([simulation.Rate("ties", "fixed", 3, 100, 0.01, 0.5)])
    assert "| ties | fixed | 3 of 100 | 0.0300 | 0.0100 | 50% |" in text
