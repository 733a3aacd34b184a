"""Certificates are wrong no more often than they say: 500 runs of every distribution; and the simulation notices when they are."""

import numpy as np
import pytest

from bench.studies.certify import simulation
from runtime.certificates import certify


def test_no_error_rate_above_alpha():
    found = simulation.run(500)
    assert len(found) == 2 * len(simulation.scenarios())
    assert [row for row in found if row["low"] > simulation.ALPHA] == []
    certified = {(row["name"], row["draws"]): row["certified"] for row in found}
    for name in ("clear label, calm maps", "one cell a draw holds all", "hidden mass, one draw in 100"):
        assert certified[name, "fixed"] > 0.5 and certified[name, "adaptive"] > 0.5  # not by abstaining


@pytest.mark.parametrize(("bound", "instead"), [("lower", lambda hits, n, alpha: hits / n), ("bernstein", lambda mean, *rest: 0 * mean)])
def test_a_certificate_without_its_bound_is_caught(monkeypatch, bound, instead):
    """Radii straight from the observed shares, or the observed map: many of them are too large."""
    monkeypatch.setattr(certify.bounds, bound, instead)
    scenario, rng = simulation.scenarios()[0], np.random.default_rng(0)
    assert sum(simulation.wrong(scenario, rng)["fixed"] for _ in range(40)) >= 10


@pytest.mark.parametrize("hits", [0, 50, 100])
def test_answers_once_certain(hits):
    question = simulation.Question(simulation.Claim(1.0, 0.05, 3, 0.5), 0.1, (100, 200), tops=False)
    assert simulation.answer(question, hits, 100) == {0: False, 50: None, 100: True}[hits]
    assert simulation.answer(question, 110, 200) is False  # the last look: what is not certain abstains
