"""Ours against every other method on the same pictures: differences with intervals, and tests adjusted for all of a table's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.records.stats import Interval, holm, mcnemar, paired_bootstrap, signed_rank
from bench.trials.grid import Value
from bench.trials.tally import ACCURACY, ONE_DRAW

LEVEL = 0.05


@dataclass(frozen=True)
class Pair:
    """`difference`: ours less the other, of the pictures that both have; `p` of its test, `adjusted` by Holm for all tests of the table."""

    ours: Value
    other: Value
    difference: Interval
    p: float
    adjusted: float = 1.0
    n: int = 0


def pairs(values: Sequence[Value]) -> list[Pair]:
    """Column by column, every metric; an accuracy that several methods share stands once.

    Accuracies: McNemar's exact test. Metrics of maps: Wilcoxon's signed-rank test over the pictures' own values.
    """
    chosen: dict[tuple, tuple[Value, Value]] = {}
    measured = [value for value in values if value.number is not None and value.cell.metric != ONE_DRAW]
    for ours in (value for value in measured if value.cell.method == "ours"):
        for other in (value for value in measured if _rival(ours, value)):
            assert other.cell.trial is not None
            who = other.cell.trial.key if ours.cell.metric == ACCURACY else other.cell.row
            chosen.setdefault((ours.cell.place, who), (ours, other))
    found = [pair for pair in (_compared(*two) for two in chosen.values()) if pair is not None]
    adjusted = holm([pair.p for pair in found])
    return [Pair(one.ours, one.other, one.difference, one.p, p, one.n) for one, p in zip(found, adjusted, strict=True)]


def _rival(ours: Value, other: Value) -> bool:
    """Another method of the same family in the same column, measured on the same pictures."""
    a, b = ours.cell, other.cell
    same = (a.place[1], a.metric, a.family) == (b.place[1], b.metric, b.family) and b.method not in ("", "ours")
    return same and ours.tally is not None and other.tally is not None and ours.tally.numbers == other.tally.numbers


def _compared(ours: Value, other: Value) -> Pair | None:
    """None where no picture has the metric in both."""
    assert ours.tally is not None and other.tally is not None
    if ours.cell.metric == ACCURACY:
        a, b = ours.tally.right, other.tally.right
        return Pair(ours, other, paired_bootstrap(a, b), mcnemar(a, b), n=len(a))
    a, b = (value.tally.each(value.cell.metric, value.cell.explainer) for value in (ours, other))  # type: ignore[union-attr]
    both = np.isfinite(a) & np.isfinite(b)
    if not both.any():
        return None
    return Pair(ours, other, paired_bootstrap(a[both], b[both]), signed_rank(a[both], b[both]), n=int(both.sum()))
