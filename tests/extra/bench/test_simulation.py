"""Certificates are wrong no more often than they say, and both broken bounds are caught: 2,000 runs, 400 of every network."""

from bench.studies.certify import simulation


def test_no_error_rate_above_alpha_but_those_of_the_planted_bounds():
    rates = simulation.run(400)
    wrong = {(rate.name, rate.bound) for rate in rates if rate.low > simulation.ALPHA / 2}
    assert ("all", simulation.NO_UNION) in wrong and ("all", simulation.LEVELS_AFTER) in wrong
    assert {bound for _, bound in wrong} == {simulation.NO_UNION, simulation.LEVELS_AFTER}
    assert next(rate for rate in rates if (rate.name, rate.bound) == ("all", "thresholds")).certified >= 0.5
