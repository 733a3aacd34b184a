"""The lines of the speed benchmarks from hand-made rows."""

from bench.records.rows import Speed
from bench.studies.speed.page import render


def row(**facts) -> Speed:
    return Speed(campaign="c", key="k", name="n", aim="at most 1", **facts)


def test_pairs_times_shares_and_single_values():
    text = render([
        row(numerator=[1.0, 2.0], denominator=[2.0, 2.0], facts={"batch": 2}), row(values=[0.25, 0.35], unit="s"),
        row(values=[0.02], unit="share"), row(values=[12.0], unit="MiB"),
    ])  # fmt: skip
    assert text.splitlines()[2:] == [
        '- n: 0.75 [0.50, 1.00] (at most 1; 2 pairs; {"batch": 2})', "- n: 0.3 s [0.25 s, 0.35 s] (at most 1; 2 times)",
        "- n: 2.0% (at most 1)", "- n: 12 MiB (at most 1)",
    ]  # fmt: skip
