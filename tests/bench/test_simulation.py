"""Certificates are wrong no more often than they say: 500 runs of every distribution; and the simulation notices when they are."""

import pytest

from bench import simulation


def test_no_error_rate_above_alpha():
    found = simulation.run(500)
    assert len(found) == 2 * len(simulation.scenarios())
    assert [row for row in found if row["low"] > simulation.ALPHA] == []
    assert max(row["certified"] for row in found) > 0.9  # not by abstaining alone


def test_a_certificate_without_bounds_is_caught(monkeypatch):
    """Radii straight from the observed shares: about half of them are too large."""
    monkeypatch.setattr(simulation.bounds, "lower", lambda hits, n, alpha: hits / n)
    scenario = next(one for one in simulation.scenarios() if one.name == "clear label, calm maps")
    rng = __import__("numpy").random.default_rng(0)
    assert sum(simulation.wrong(scenario, rng)["fixed"] for _ in range(40)) >= 10


@pytest.mark.parametrize("hits", [0, 50, 100])
def test_answers_once_certain(hits):
    question = simulation.Question(simulation.Claim(1.0, 0.05, 3, 0.5), 0.1, (100, 200), tops=False)
    assert simulation.answer(question, hits, 100) == {0: False, 50: None, 100: True}[hits]
    assert simulation.answer(question, 110, 200) is False  # the last look: what is not certain abstains
