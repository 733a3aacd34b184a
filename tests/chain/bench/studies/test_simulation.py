"""Certificates are wrong no more often than they say, and do not get there by abstaining: 40 runs of every network; tests/extra has 400."""

from bench.studies.certify import simulation


def test_no_error_rate_above_alpha():
    rates = {(rate.name, rate.bound): rate for rate in simulation.run(40)}
    right = [rate for rate in rates.values() if not rate.bound.startswith("broken")]
    assert [rate for rate in right if rate.low > simulation.ALPHA / 2 or rate.label > 8 * rate.runs / 40] == []
    assert rates["all", "thresholds"].certified >= 0.5 and rates["all", simulation.VOTE].certified >= 0.5
    assert rates["clear", "adaptive"].certified > 0.5
