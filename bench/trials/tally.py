"""From a trial's rows to numbers: shares and means over its pictures, with 95 % intervals; paired tests."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from bench.attacks.autoattack import SQUARE
from bench.records.rows import Answered
from bench.records.stats import Interval, bootstrap, wilson
from bench.trials.metric import find

ACCURACY, ONE_DRAW = "accuracy", "one_draw"  # what is counted without maps: the answer's share, one draw's share


@dataclass(frozen=True)
class Tally:
    """Everything that was measured of one trial, each picture once, in the order of their numbers.

    `scores`: those that every picture has; `partial`: (explainer, metric) that only some have so far.
    """

    numbers: list[int]
    right: Bool[ndarray, " N"]
    shares: Float[ndarray, " N"] | None  # of the draws that gave the right label
    scores: dict[tuple[str, str], Float[ndarray, "N D"]] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)
    blind: int = 0
    left_out: tuple[tuple[str, str], ...] = ()
    sigma: float | None = None
    partial: frozenset[tuple[str, str]] = frozenset()

    @property
    def n(self) -> int:
        return len(self.numbers)

    def interval(self, metric: str, explainer: str = "") -> Interval | None:
        """The metric over all pictures; None where no picture has it."""
        if metric == ACCURACY:
            return wilson(int(self.right.sum()), self.n)
        if metric == ONE_DRAW:
            return None if self.shares is None else bootstrap(self.shares, float)
        rows, total = self.scores.get((explainer, metric)), find(metric).total
        if rows is None or not len(rows) or np.isnan(total(rows.mean(0))):
            return None
        return bootstrap(rows, lambda means: np.where(np.isnan(drawn := total(means)), 0.0, drawn))

    def each(self, metric: str, explainer: str) -> Float[ndarray, " N"]:
        """The metric of each picture by itself, for paired differences; NaN where it has none, or no finite one."""
        found = find(metric).total(self.scores[explainer, metric])
        return np.where(np.isfinite(found), found, np.nan)

    def warnings(self) -> list[str]:
        """What speaks against reading AutoAttack's outcome as robustness."""
        beyond, found = self.stages.count(SQUARE), []
        if beyond:
            found.append(f"Square fooled {beyond} of {self.n} pictures that APGD did not: gradients mislead there")
        if self.blind:
            found.append(f"the gradient is zero for {self.blind} of {self.n} pictures: APGD's steps say nothing there")
        return found


def tally(rows: Iterable[Answered]) -> Tally | None:
    """The tally of one trial's rows, whoever measured them; None where no picture could be used."""
    pictures: dict[int, dict] = {}
    left_out: dict[tuple[str, str], None] = {}
    sigma = None
    for row in rows:
        left_out |= dict.fromkeys(tuple(pair) for pair in row.left_out)  # type: ignore[arg-type]
        sigma = row.sigma
        for i, number in enumerate(row.numbers):
            one = pictures.setdefault(number, {"scores": {}})
            votes = row.votes[i] if row.votes else None
            one |= {"right": row.labels[i] == row.answers[i], "share": votes[row.labels[i]] / sum(votes) if votes else None}
            one |= {"stage": row.stages[i] if row.stages else None, "blind": bool(row.blind and row.blind[i])}
            one["scores"] |= {(name, metric): values[i] for name, metrics in row.scores.items() for metric, values in metrics.items()}
    if not pictures:
        return None
    ordered = [pictures[number] for number in sorted(pictures)]
    each = [set(one["scores"]) for one in ordered]
    pairs = set.intersection(*each)
    shares = None if ordered[0]["share"] is None else np.array([one["share"] for one in ordered])
    return Tally(
        sorted(pictures), np.array([one["right"] for one in ordered]), shares,
        {pair: np.array([one["scores"][pair] for one in ordered], dtype=float) for pair in sorted(pairs)},
        [one["stage"] for one in ordered if one["stage"] is not None], sum(one["blind"] for one in ordered), tuple(left_out), sigma,
        frozenset(set.union(*each) - pairs),
    )  # fmt: skip


def by_trial(rows: Iterable[Answered]) -> dict[str, list[Answered]]:
    """Rows by the key of their trial."""
    found: dict[str, list[Answered]] = {}
    for row in rows:
        found.setdefault(row.key.partition("/")[0], []).append(row)
    return found
