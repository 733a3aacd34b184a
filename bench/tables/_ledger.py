"""The paper's claims: what each says, which cells or printed numbers decide it, and the rule that makes a verdict of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.records.stats import holm, mcnemar
from bench.trials.grid import Cell, Value, higher_is_better
from bench.trials.paired import LEVEL, pairs
from runtime.errors import FvitError


class Verdict(StrEnum):
    """What the ledger can say of a claim."""

    HOLDS = "holds here"
    FAILS = "does not hold here"
    OPEN = "not decided here"  # neither way beyond chance, on so many pictures
    NEEDS = "needs ImageNet and the published weights"
    CONTRADICTS = "contradicts the paper's own numbers"
    UNSOUND = "unsound as printed"
    AGREES = "agrees with the paper's own numbers"
    NOT_MEASURED = "not measured"


MARGIN = 0.05  # a loss that still counts as none


@dataclass(frozen=True)
class Finding:
    """A verdict, and what it rests on in a sentence."""

    verdict: Verdict
    told: str


@dataclass(frozen=True)
class PaperClaim:
    """One claim. `table` and `pick`: the cells that decide it; "" where the paper's own numbers or formulas do, or nothing here can.

    `rule`: from the picked cells' values to the finding; `decides`: that rule in words.
    """

    section: str
    says: str
    printed: str
    decides: str
    rule: Callable[[Sequence[Value]], Finding]
    table: str = ""
    pick: Callable[[Cell], bool] = lambda cell: False

    def judged(self, values: Sequence[Value]) -> Finding:
        """The finding; where cells are missing, what to run. A claim that has cells can not be left to ImageNet."""
        own = [value for value in values if value.cell.table == self.table and self.pick(value.cell)] if self.table else []
        if self.table and (not own or any(value.number is None for value in own)):
            lacking = sum(value.number is None for value in own)
            return Finding(Verdict.NOT_MEASURED, f"{lacking} of {len(own)} cells have no number; run: fvit table claims")
        found = self.rule(own)
        if self.table and found.verdict == Verdict.NEEDS:
            raise FvitError(f"the claim {self.says!r} has cells of table {self.table} and says that it needs ImageNet; give it a rule")
        return found


def beats_all(values: Sequence[Value]) -> Finding:
    """Ours against every other method of the paper, `_weighed`."""
    compared = [pair for pair in pairs(values) if pair.other.cell.method not in ("ours literal", "random")]
    return _weighed([(pair.difference.value if _higher(pair.ours) else -pair.difference.value, pair.p) for pair in compared])


def never_worse(values: Sequence[Value]) -> Finding:
    """Fails where a comparison that survives Holm's correction has ours worse; holds where every interval excludes a loss above MARGIN."""
    compared = pairs(values)
    worse = [pair for pair in compared if pair.adjusted < LEVEL and (pair.difference.value < 0) == _higher(pair.ours)]
    losses = [-pair.difference.low if _higher(pair.ours) else pair.difference.high for pair in compared]
    if not compared:
        return Finding(Verdict.OPEN, "no two cells were measured on the same pictures")
    text = f"ours worse in {len(worse)} of {len(compared)} comparisons; the largest loss that an interval allows is {max(losses):+.2f}"
    return Finding(Verdict.FAILS if worse else Verdict.HOLDS if max(losses) <= MARGIN else Verdict.OPEN, text)


def ordered(first: str, second: str) -> Callable[[Sequence[Value]], Finding]:
    """The accuracy of method `first` against that of `second`, column by column, `_weighed`."""

    def rule(values: Sequence[Value]) -> Finding:
        rows = {(value.cell.column, value.cell.method): value.tally for value in values if value.tally}
        tallies = [(rows[column, first], rows[column, second]) for column, method in rows if method == first and (column, second) in rows]
        return _weighed([(a.right.mean() - b.right.mean(), mcnemar(a.right, b.right)) for a, b in tallies if a.numbers == b.numbers])

    return rule


def _weighed(compared: Sequence[tuple[float, float]]) -> Finding:
    """From differences (above 0: as claimed) and p-values: all must survive Holm's correction as claimed; one that survives otherwise decides."""
    sure = [(difference, adjusted < LEVEL) for (difference, _), adjusted in zip(compared, holm([p for _, p in compared]), strict=True)]
    better, worse = sum(certain and d > 0 for d, certain in sure), sum(certain and d < 0 for d, certain in sure)
    text = f"better in {better}, worse in {worse}, not told apart in {len(sure) - better - worse} of {len(sure)} comparisons"
    verdict = Verdict.FAILS if worse else Verdict.HOLDS if sure and better == len(sure) else Verdict.OPEN
    return Finding(verdict, text)


def l2_above_linf(values: Sequence[Value]) -> Finding:
    """Holds where a cell under l2 lies above the one under l_inf at every radius."""
    found = {(value.cell.norm, value.cell.radius): value.number.value for value in values if value.number}
    radii = [radius for norm, radius in found if norm == "l2"]
    above = sum(found["l2", radius] > found["linf", radius] for radius in radii)
    return Finding(Verdict.HOLDS if radii and above == len(radii) else Verdict.FAILS, f"l2 above l_inf at {above} of {len(radii)} radii")


def white_box(values: Sequence[Value]) -> Finding:
    """Fails where an attack through the defence leaves less than the lower end of the transfer attack's interval, holds where its own lies above."""
    shares = {
        value.cell.trial.threat.attack: value.number for value in values if value.number and value.cell.trial and value.cell.trial.threat
    }
    transfer, others = shares.pop("pgd", None), shares
    if transfer is None or not others:
        return Finding(Verdict.OPEN, "PGD and an attack through the defence have to be measured both; leave --attack out")
    text = ", ".join(f"{attack} {number.value:.3f}" for attack, number in others.items())
    stronger = any(number.value < transfer.low for number in others.values())
    level = all(number.low >= transfer.low for number in others.values())
    verdict = Verdict.FAILS if stronger else Verdict.HOLDS if level else Verdict.OPEN
    return Finding(verdict, f"accuracy under the transfer attack {transfer.value:.3f}, {text}")


def told(verdict: Verdict, text: str) -> Callable[[Sequence[Value]], Finding]:
    """A finding without cells."""
    return lambda values: Finding(verdict, text)


def _higher(value: Value) -> bool:
    return higher_is_better(value.cell.metric)
