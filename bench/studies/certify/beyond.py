"""What attacks found within and beyond the radii (section 6.2): shares, and their part of the page, from the rows of the fresh draws."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.pages.page import percent, table
from bench.records.rows import Beyond, Certified
from bench.records.stats import wilson
from bench.studies.certify import radii, tsv
from bench.studies.certify.radii import Certificate, Certificates
from bench.studies.certify.settings import FACTORS, VOTES, CertifySettings, Measured, balls, claim
from runtime.certificates import bounds, faithful
from runtime.certificates.faithful import Side
from runtime.fuse import span

PAPER = {("printed", "label", 1.5): "23 %", ("printed", "label", 2.0): "64 %"}  # section 6.2, on ImageNet
SURE = 0.01  # chance with which "surely" may be said of a picture that is not moved
RULE = f"""
PGD through the defence (10 steps of a quarter of the ball's radius, 8 draws a step, an l2 ball on the grid where the noise is added) raises the
loss of the label; our own addition, the top-k attack through the defence, takes relevance from the top cells of the rollout map. Pictures: those
classified right by the draws before. Then {VOTES} fresh draws. Found, label: another label has more of these votes than the right one. Found, map:
fewer than beta k of the top k cells before are among the top k of the fresh mean map. Surely, at {SURE:.0%}: a binomial test says that another
label is the more likely one, or the upper bound of V_k is below beta. A ball contains the smaller ones, so what was found in one counts in the
larger too; beyond R, n counts the pictures for which nothing was found within R, as section 6.2 does.
"""


@dataclass(frozen=True)
class BallResult:
    """Of one kind of `radius`, `target` and `factor`: `found` of `n` pictures, `sure` ones of them, the mean `overlap` V_k afterwards."""

    radius: str
    target: str
    factor: float
    found: int
    sure: int
    n: int
    overlap: float


def results(campaign: Certificates) -> list[BallResult]:
    """In the order of the table; balls that no picture was attacked in are left out."""
    before = {one.row.picture: one.row for one in campaign.found}
    made: dict[tuple[str, str], dict[int, dict[float, Beyond]]] = {}
    for row in campaign.beyond:
        made.setdefault((row.radius, row.target), {}).setdefault(row.picture, {})[row.factor] = row
    pairs = dict.fromkeys((ball.radius, ball.target) for ball in balls(campaign.settings.adaptive))
    judge = _Judge(campaign.settings, campaign.measured, before)
    return [result for pair in pairs for factor in FACTORS if (result := judge.result(*pair, factor, made.get(pair, {})))]


@dataclass(frozen=True)
class _Judge:
    """What counts as found; `before`: a picture's draws before the attack."""

    settings: CertifySettings
    measured: Measured
    before: dict[int, Certified]

    def result(self, radius: str, target: str, factor: float, rows: dict[int, dict[float, Beyond]]) -> BallResult | None:
        """Of the pictures that were attacked in this ball and all smaller ones."""
        upto = [other for other in FACTORS if other <= factor]
        whole = [own for own in rows.values() if all(other in own for other in upto)]
        asked = [own for own in whole if factor == 1 or not self.found(own[1.0])]
        if not asked:
            return None
        found = sum(any(self.found(own[other]) for other in upto) for own in asked)
        sure = sum(any(self.found(own[other]) and self.sure(own[other]) for other in upto) for own in asked)
        return BallResult(radius, target, factor, found, sure, len(asked), float(np.mean([self.overlap(own[factor]) for own in asked])))

    def found(self, row: Beyond) -> bool:
        if row.target == "label":
            return max(row.votes) > row.votes[row.label]
        return self.overlap(row) < self.settings.beta

    def sure(self, row: Beyond) -> bool:
        if row.target == "label":
            return outvoted(row.votes, row.label, SURE)
        most = span(self.measured.tokens)
        before, after = (faithful.cells(side(one, most), SURE / 2) for one in (self.before[row.picture], row))
        return faithful.overlap_bounds(before, after, self.settings.k).high < self.settings.beta

    def overlap(self, row: Beyond) -> float:
        return faithful.overlap(np.array(self.before[row.picture].mean), np.array(row.mean), self.settings.k)


def outvoted(votes: Sequence[int], label: int, alpha: float) -> bool:
    """Whether another label is surely more likely than `label`: one-sided binomial tests of the two, over all others at once (Bonferroni)."""
    most = max(count for other, count in enumerate(votes) if other != label)
    return bool(bounds.tail(np.array([most]), most + votes[label], 0.5)[0] <= alpha / (len(votes) - 1))


def side(row: Certified | Beyond, most: float) -> Side:
    """A row's draws; `most`: what a cell of one draw may hold."""
    return Side(np.array(row.votes), np.array(row.mean), np.array(row.squares), most)


def text(campaign: Certificates) -> str:
    """The section of the page."""
    made = results(campaign)
    if not made:
        return "No picture had the right label and a radius, or none was attacked.\n"
    lines = [
        [one.radius, one.target, f"{one.factor:g} R", f"{one.found} of {one.n}", percent(wilson(one.found, one.n)), one.sure, f"{one.overlap:.3f}",
         PAPER.get((one.radius, one.target, one.factor), "")]
        for one in made
    ]  # fmt: skip
    names = ["radius", "attacked", "ball", "found", "share", "surely", f"V_{campaign.settings.k}", "the paper"]
    return _radii(campaign) + RULE + "\n" + table(names, lines) + "\n" + _inside(made, campaign.settings)


def _radii(campaign: Certificates) -> str:
    """What R is, how large, and for how many pictures."""
    attacked = {kind: {row.picture for row in campaign.beyond if row.radius == kind} for kind in ("printed", "sound", "label")}
    own = {kind: [one for one in campaign.found if one.row.picture in numbers] for kind, numbers in attacked.items()}
    names = {
        "printed": "R = min{P, Q} of Algorithm 2, from this study's votes and mean map, without confidence",
        "sound": "the smaller of the label's and the map's certified radius",
        "label": "the label's certified radius alone",
    }
    lines = [f"- {kind}: {names[kind]}; {len(found)} pictures, median {_middle(found, kind)}\n" for kind, found in own.items() if found]
    infinite, printed, notes = sum(math.isinf(one.printed_p) for one in own["printed"]), own["printed"], []
    if infinite:
        notes.append(f"P is infinite for {infinite} of these {len(printed)} pictures, whose draws all voted alike: there R = Q.")
    if printed and claim(campaign.settings, campaign.measured.sigma).leaving >= 2:
        notes.append("Where k0 >= 2, as here, the printed Q is no certificate: docs/certificates.md has a network that breaks it.")
    return "".join(lines) + (f"\n{' '.join(notes)}\n" if notes else "")


def _middle(found: Sequence[Certificate], kind: str) -> str:
    return tsv.number(float(np.median([radii.reach(one, kind) for one in found])))


def _inside(made: Sequence[BallResult], settings: CertifySettings) -> str:
    """Inside a certified radius nothing may be found."""
    own = [one for one in made if one.factor == 1 and one.radius != "printed"]
    found, n = sum(one.found for one in own), sum(one.n for one in own)
    if not found:
        return f"Within certified radii nothing was found, in {n} attacks.\n" if n else ""
    return (
        f"Within certified radii something was found in {found} of {n} attacks ({sum(one.sure for one in own)} surely): where that is no accident of "
        f"{VOTES} draws, nor of the certificates' alpha {settings.alpha:g}, certificate or code is wrong.\n"
    )


def shares(campaign: Certificates) -> list[tuple]:
    """Metric, of what, factor, radius, hits and n of every ball."""
    return [(f"found, {one.target} attacked", one.radius, one.factor, None, one.found, one.n) for one in results(campaign)]
