"""From votes and seconds to what each setting costs and what it is worth: shares, certificates, adaptive draws, the front."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import mean, median

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray

from bench.records.rows import AnyRow, Priced
from bench.records.stats import Interval, wilson
from runtime.certificates import certify

SELECTION = 10  # the first draws choose the label that the others certify
ALPHA, RADIUS = 0.001, 0.25  # certified accuracy: a radius of RADIUS sigma, wrong with probability ALPHA at most
WITHIN = 0.01  # of the best accuracy: what counts as as good


@dataclass(frozen=True)
class Cost:
    """One setting with one number of draws (None: adaptive, `mean_draws` on average). `seconds` per picture: pictures in a row, and one alone."""

    session: str
    precision: str
    denoise: str
    draws: int | None
    mean_draws: float
    seconds: float
    alone: float | None
    clean: Interval
    attacked: Interval
    certified: Interval | None
    cosine: float | None
    topk: float | None
    n: int
    front: bool = False

    def __str__(self) -> str:
        draws = "adaptive draws" if self.draws is None else f"{self.draws} draw{'' if self.draws == 1 else 's'}"
        return f"{self.setting}, {draws}"

    @property
    def setting(self) -> str:
        return f"{self.session} {self.precision}, {self.denoise.replace('_', '-')}"


def costs(rows: Sequence[AnyRow]) -> list[Cost]:
    """Of every setting that has numbers, its numbers of draws one after another, then adaptive draws."""
    settings = [row for row in rows if isinstance(row, Priced)]
    return with_front([cost for row in settings for cost in _of(row)])


def with_front(settings: list[Cost]) -> list[Cost]:
    """`front`: no cheaper setting is as good under attack."""

    def beaten(cost: Cost) -> bool:
        return any(other.seconds < cost.seconds and other.attacked.value >= cost.attacked.value for other in settings)

    return [replace(cost, front=not beaten(cost)) for cost in settings]


def cheapest(settings: Sequence[Cost], share: Callable[[Cost], Interval | None]) -> tuple[Cost, float, float] | None:
    """The cheapest setting within WITHIN of the best `share`, its own share and the best; None where no setting has one."""
    shares = [(cost, interval.value) for cost in settings if (interval := share(cost)) is not None]
    if not shares:
        return None
    best = max(value for _, value in shares)
    cost, value = min(((cost, value) for cost, value in shares if value >= best - WITHIN - 1e-9), key=lambda pair: pair[0].seconds)
    return cost, value, best


def certified(row: Priced, draws: int) -> Bool[ndarray, " N"] | None:
    """Which clean pictures' right label holds within RADIUS sigma, from the first `draws` draws; None where they are too few."""
    if SELECTION not in row.levels or draws <= SELECTION:
        return None
    sums = _sums(row, "clean")
    chosen, total = sums[row.levels.index(SELECTION)], sums[row.levels.index(draws)]
    labels = [certify.label(first, rest, row.sigma, ALPHA) for first, rest in zip(chosen, total - chosen, strict=True)]
    pairs = zip(labels, row.labels, strict=True)
    return np.array([label.label == right and label.radius >= RADIUS * row.sigma for label, right in pairs])


def adaptive(row: Priced, shown: str) -> tuple[list[int], Bool[ndarray, " N"]] | None:
    """Draws of each picture until the first draws' label is certain to be the smoothed classifier's, or the last level is reached; and which
    pictures' answer, the majority of what was drawn by then, is right. None where a setting draws too few."""
    if SELECTION not in row.levels or row.levels[-1] <= SELECTION:
        return None
    at, sums = row.levels.index(SELECTION), _sums(row, shown)
    stops = []
    for picture, chosen in enumerate(sums[at].argmax(1)):
        hits = sums[at + 1 :, picture, chosen] - sums[at, picture, chosen]
        stops.append(stop(hits.tolist(), row.levels[at + 1 :]))
    answers = [sums[row.levels.index(draws), picture].argmax() for picture, draws in enumerate(stops)]
    return stops, np.array(answers) == np.array(row.labels)


def stop(hits: Sequence[int], levels: Sequence[int]) -> int:
    """The first level at which more than half of all draws are certain to give that label, else the last: a label refuted is no answer."""
    certain = (m for m, k in zip(levels, hits, strict=True) if certify.decided(k, m - SELECTION, 0.5, ALPHA))
    return next(certain, levels[-1])


def _of(row: Priced) -> list[Cost]:
    per_draw = median(row.seconds)
    labels = np.array(row.labels)
    clean, attacked = (_sums(row, shown).argmax(2) == labels for shown in ("clean", "attacked"))
    cosine, topk = (None if values is None else mean(values) for values in (row.cosine, row.topk))
    settings = []
    for i, draws in enumerate(row.levels):
        alone, sure = row.alone.get(str(draws)), certified(row, draws)
        settings.append(
            Cost(
                row.session, row.precision, row.denoise, draws, draws, per_draw * draws, median(alone) if alone else None, _share(clean[i]),
                _share(attacked[i]), None if sure is None else _share(sure), cosine, topk, len(labels),
            )
        )  # fmt: skip
    stopped = adaptive(row, "clean"), adaptive(row, "attacked")
    if stopped[0] is not None and stopped[1] is not None:
        drawn = mean(stopped[0][0] + stopped[1][0])
        changes = {"draws": None, "mean_draws": drawn, "seconds": per_draw * drawn, "alone": None, "certified": None}
        settings.append(replace(settings[-1], clean=_share(stopped[0][1]), attacked=_share(stopped[1][1]), **changes))
    return settings


def _sums(row: Priced, shown: str) -> Int[ndarray, "L N K"]:
    """Draws by label of each picture up to the end of each level."""
    return np.array(row.votes[shown]).cumsum(0)


def _share(right: Bool[ndarray, " N"]) -> Interval:
    return wilson(int(right.sum()), len(right))
