"""Definition 4.2 put to pictures, as text: bounds of V_k and D_a after each attack, and what is broken. From one campaign's rows alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.pages import page as pages
from bench.pages.compare import Number
from bench.pages.page import NONE, Page, percent, section, table
from bench.records.campaign import head_of, machines_of
from bench.records.rows import AnyRow, Beyond, Certified, Failed
from bench.records.stats import wilson
from bench.studies.certify.beyond import side
from bench.studies.certify.settings import CHECKED, CheckSettings, Measured
from runtime.certificates import faithful
from runtime.certificates.faithful import PairBounds
from runtime.errors import FvitError
from runtime.fuse import CAP, span

SHOWN = 20  # pictures in the table of pictures; all are in the .csv
INTACT = "not broken by this attack"


@dataclass(frozen=True)
class CheckedPicture:
    """One picture before and after one attack on the `target`. `broken`: which conditions certainly are; `overlap`: V_k of the mean maps."""

    before: Certified
    moved: Beyond
    overlap: float
    comparison: PairBounds
    broken: tuple[str, ...]

    @property
    def answer(self) -> str:
        return f"broken: {', '.join(self.broken)}" if self.broken else INTACT


def checked(rows: Sequence[AnyRow], settings: CheckSettings, measured: Measured) -> list[CheckedPicture]:
    """Every picture and attack, in order. Both attacks of a picture share alpha."""
    before = {row.picture: row for row in rows if isinstance(row, Certified)}
    most, asked, found = span(measured.tokens), settings.definition, []
    for row in sorted((row for row in rows if isinstance(row, Beyond)), key=lambda row: (row.picture, row.target)):
        clean = before[row.picture]
        reach = row.distance / measured.sigma
        comparison = faithful.compare(side(clean, most), side(row, most), asked, settings.alpha / len(CHECKED), reach)
        overlap = faithful.overlap(np.array(clean.mean), np.array(row.mean), settings.k)
        found.append(CheckedPicture(clean, row, overlap, comparison, comparison.broken(asked)))
    return found


def render(rows: Sequence[AnyRow]) -> Page:
    """The page: what is asked, how many pictures break it, each picture's bounds, what failed."""
    head, failed = head_of(rows), [row for row in rows if isinstance(row, Failed)]
    settings, measured = CheckSettings.read(head.settings), Measured.read(head.facts)
    found = checked(rows, settings, measured)
    if not found and not failed:
        raise FvitError("the rows hold no attacked picture yet; let fvit check end first")
    count = len({one.before.picture for one in found})
    parts = [
        pages.heading(
            f"Definition 4.2, tried: {settings.backbone}, `{settings.task}`, {count} test pictures",
            head, machines_of(rows), f"session {settings.session} fp32, seed {settings.seed}",
        ),
        _asked(settings, measured),
        *([section("Broken", _summary(found, settings)), section("Pictures", _pictures(found, settings))] if found else []),
        section("Not measured", table(["what", "why", "reason"], [[row.key, row.missing.why, row.missing.reason] for row in failed]))
        if failed else "",
    ]  # fmt: skip
    return Page("\n".join(filter(None, parts)), [_record(one) for one in found], numbers=_numbers(found, settings))


def _asked(settings: CheckSettings, measured: Measured) -> str:
    reach = settings.radius
    limits = ", ".join(f"{order * reach**2 / 2:.3g} (a = {order:g})" for order in settings.orders)
    beyond = [f"{order:g}" for order in settings.orders if order * reach**2 / 2 <= settings.gamma]
    certain = f" For a = {', '.join(beyond)} that is gamma or less: no picture can break it." if beyond else ""
    return (
        f"Asked of every x' with |x' - x|_2 <= R = {reach:g} sigma = {reach * measured.sigma:.4f} (pixels in [0, 1], on the denoiser's "
        f"{measured.grid} x {measured.grid} grid; real noise {255 * measured.sigma:.1f}/255): the top {settings.k} cells of the mean "
        f"{settings.explainer} maps have an overlap V_{settings.k} >= beta = {settings.beta:g}, and the votes a Renyi divergence "
        f"D_a(y(x), y(x')) <= gamma = {settings.gamma:g}.\n\n"
        f"Tried: PGD through the defence on the label that most draws gave, and the top-k attack through the defence on the rollout map. "
        f"{settings.draws} draws at x and as many fresh ones after each attack; the cells of one draw's map are capped at {CAP:g} times the even "
        f"share. Bounds hold with probability at least {1 - settings.alpha:.3g} for each picture, all of its bounds at once. Broken: the lower "
        f"bound of D_a exceeds gamma, or the upper bound of V_{settings.k} falls below beta. Everything else is '{INTACT}', which is no proof "
        f"that the definition holds.\n\n"
        f"Whatever x' is, D_a is at most a R^2 / (2 sigma^2): {limits} (Theorem 5.1).{certain}\n"
    )


def _summary(found: Sequence[CheckedPicture], settings: CheckSettings) -> str:
    """How many pictures break each condition, by attack and by either."""
    conditions = ["top k", *(f"D_{order:g}" for order in settings.orders)]
    pictures = {one.before.picture: one.before for one in found}
    lines = []
    for name in conditions:
        line: list[object] = [name]
        for target in (ball.target for ball in CHECKED):
            own = [name in one.broken for one in found if one.moved.target == target]
            line.append(f"{sum(own)} of {len(own)}" if own else NONE)
        hit = {one.before.picture for one in found if name in one.broken}
        lines.append([*line, percent(wilson(len(hit), len(pictures)))])
    below = sum(one.overlap < settings.beta for one in found)
    note = f"\nV_{settings.k} of the mean maps themselves, without a bound, is below beta after {below} of {len(found)} attacks.\n"
    return table(["condition", "label attacked", "map attacked", "by either (95 % Wilson interval)"], lines) + note


def _pictures(found: Sequence[CheckedPicture], settings: CheckSettings) -> str:
    names = ["picture", "attacked", f"V_{settings.k}", "its bounds", *(f"D_{order:g} at least" for order in settings.orders), "answer"]
    numbers = list(dict.fromkeys(one.before.picture for one in found))[:SHOWN]
    lines = [
        [one.before.picture, one.moved.target, f"{one.overlap:.3f}", f"[{one.comparison.overlap.low:.3f}, {one.comparison.overlap.high:.3f}]",
         *(f"{_down(bound.low):.4f}" for bound in one.comparison.divergence.values()), one.answer]
        for one in found if one.before.picture in numbers
    ]  # fmt: skip
    return table(names, lines)


def _down(value: float) -> float:
    """A lower bound as it is printed."""
    return math.floor(value * 10_000) / 10_000


def _record(one: CheckedPicture) -> dict:
    bounds = {f"d_{order:g}_{end}": value for order, bound in one.comparison.divergence.items() for end, value in bound._asdict().items()}
    return {
        "picture": one.before.picture, "label": one.before.label, "attacked_label": one.moved.label, "attacked": one.moved.target,
        "distance": one.moved.distance, "overlap": one.overlap, "overlap_low": one.comparison.overlap.low,
        "overlap_high": one.comparison.overlap.high, **bounds, "broken": " ".join(one.broken).replace("top k", "topk"),
    }  # fmt: skip


def _numbers(found: Sequence[CheckedPicture], settings: CheckSettings) -> dict[str, Number]:
    """Shares of pictures that are not broken, for comparison between folders."""
    pictures = {one.before.picture for one in found}
    made = {}
    for name in ["top k", *(f"D_{order:g}" for order in settings.orders)] if pictures else []:
        hit = {one.before.picture for one in found if name in one.broken}
        made[f"{name} not broken"] = Number(wilson(len(pictures) - len(hit), len(pictures)))
    return made
