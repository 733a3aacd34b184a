"""What was seen of each picture, and from it a look's row: shares and means with 95 % intervals.

A tally is plain numbers a picture, so that shards written apart and joined make the row that one run makes.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field

import numpy as np

from bench.attacks.autoattack import SQUARE
from bench.metrics import segmentation
from bench.records.stats import bootstrap
from runtime.errors import FvitError

PAIRED = ("s_faith", "cosine", "topk")
CURVES = ("positive_auc", "negative_auc")


@dataclass(frozen=True)
class Picture:
    """`share`: of the draws that gave the right label, None without draws. `maps`: by explainer, `segmentation.scores` and one number a metric.

    `stage`: of AutoAttack, which fooled it ("": none); `blind`: its gradient there was zero.
    """

    number: int
    right: bool
    share: float | None = None
    maps: dict[str, dict] = field(default_factory=dict)
    stage: str | None = None
    blind: bool = False


@dataclass
class Tally:
    """`pictures` by number; `left_out`: name and reason of those that could not be used."""

    pictures: list[Picture]
    left_out: list[list[str]]
    real_sigma: float | None = None

    def asdict(self) -> dict:
        return asdict(self)


def read(facts: dict) -> Tally:
    """From what `asdict` wrote."""
    return Tally([Picture(**one) for one in facts["pictures"]], facts["left_out"], facts["real_sigma"])


def joined(tallies: Iterable[Tally]) -> Tally:
    """Shards of one look, in the order of the pictures."""
    tallies = list(tallies)
    pictures = sorted((one for tally in tallies for one in tally.pictures), key=lambda one: one.number)
    if twice := [number for number, count in Counter(one.number for one in pictures).items() if count > 1]:
        raise FvitError(f"picture {twice[0]} came from two shards; each shard once is wanted")
    return Tally(pictures, sorted(pair for tally in tallies for pair in tally.left_out), tallies[0].real_sigma)


def row(tally: Tally) -> dict:
    """`right`: a 1 or 0 a picture; `one_draw`: the mean share of right draws; `maps`: by explainer, value and interval of each metric."""
    pictures = tally.pictures
    if not pictures:
        first = f", the first, {tally.left_out[0][0]}: {tally.left_out[0][1]}" if tally.left_out else ""
        raise FvitError(f"no picture can be used: {len(tally.left_out)} left out{first}")
    found = {
        "n": len(pictures), "real_sigma": tally.real_sigma, "left_out": tally.left_out, "warnings": _warnings(pictures),
        "right": "".join(str(int(one.right)) for one in pictures), "hits": sum(one.right for one in pictures),
    }  # fmt: skip
    shares = [one.share for one in pictures if one.share is not None]
    if shares:
        found["one_draw"] = _mean(shares)
    if pictures[0].stage is not None:
        found["stages"] = dict(Counter(one.stage for one in pictures))
    return found | {"maps": {name: _of_maps([one.maps[name] for one in pictures]) for name in pictures[0].maps}}


def _of_maps(each: list[dict]) -> dict:
    found = {}
    if "segmentation" in each[0]:
        rows = [one["segmentation"] for one in each]
        table = segmentation.columns(rows)
        for metric in (name for name, value in segmentation.totals(rows).items() if value is not None):
            found[metric] = _rounded(bootstrap(table, _rate(metric), 0))
        found["each"] = [round(1000 * row["correct"] / row["labeled"]) for row in rows]
    return found | {metric: _mean([one[metric] for one in each]) for metric in (*PAIRED, *CURVES) if metric in each[0]}


def _warnings(pictures: list[Picture]) -> list[str]:
    """What speaks against reading AutoAttack's outcome as robustness."""
    beyond, blind = sum(one.stage == SQUARE for one in pictures), sum(one.blind for one in pictures)
    found = []
    if beyond:
        found.append(f"Square fooled {beyond} of {len(pictures)} pictures that APGD did not: gradients mislead there")
    if blind:
        found.append(f"the gradient is zero for {blind} of {len(pictures)} pictures: APGD's steps say nothing there")
    return found


def _rate(metric: str) -> Callable[[np.ndarray], float]:
    return lambda means: float(segmentation.rates(means)[metric] or 0.0)


def _mean(values: list[float]) -> list[float]:
    return _rounded(bootstrap(np.array(values), float, 0))


def _rounded(values: tuple[float, float, float]) -> list[float]:
    return [round(value, 5) for value in values]
