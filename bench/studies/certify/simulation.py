"""Do the certificates hold? Networks in closed form, drawn from thousands of times: how often is a radius larger than the true one?

A network here looks at single numbers of the noise: cell i of its map is base_i + jump_i [s_i n_c > -q_i], c the number that it looks at, and two
more cells share the rest. So its mean map is known at every shift d of the picture, base_i + jump_i Phi(q_i + s_i d_c), and a radius can be tried:
the picture is shifted, in the directions that hurt most, and the top k counted. Two broken bounds are tried beside the right ones; that they are
caught shows that the simulation can fail.

`python -m bench.studies.certify.simulation --runs 10000` prints the table of docs/certificates.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cyclopts
import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.special import ndtr

from bench.pages.page import table
from runtime import fuse
from runtime.certificates import bounds, certify, intervals, maps, sequential
from runtime.certificates.certify import Claim, Top
from runtime.certificates.sequential import Question, answer
from runtime.fuse import Fused

ALPHA, SELECTION = 0.05, 20
VOTE, NO_UNION, LEVELS_AFTER = "vote", "broken: vote without union", "broken: levels after the draws"
Directions = Callable[[Int[ndarray, " K"]], list[ndarray]]
LENGTHS = (1e-3, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)  # of a radius: how far the picture is shifted


@dataclass(frozen=True)
class ClosedNetwork:
    """See the module. `sees` and `sign`: which number of the noise each cell looks at, and which way. The label is 0 where number 0 is above
    -`label`.

    `directions`: unit shifts, those that make the named cells leave first. `asks`: the radius that adaptive draws ask for.
    """

    name: str
    base: Float[ndarray, " T"]
    jump: Float[ndarray, " T"]
    q: Float[ndarray, " T"]
    sees: Int[ndarray, " T"]
    sign: Float[ndarray, " T"]
    claim: Claim
    draws: int
    label: float
    directions: Directions
    asks: float

    @property
    def numbers(self) -> int:
        """Of the noise that it looks at, the label's first."""
        return int(self.sees.max()) + 1

    def mean(self, shift: Float[ndarray, " D"]) -> Float[ndarray, " T2"]:
        """The mean map of the picture shifted by `shift`, the rest in the last cells."""
        return self._whole(self.base + self.jump * ndtr(self.q + self.sign * shift[self.sees]))

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Int[ndarray, " N"], Float[ndarray, "N T2"]]:
        """Labels and maps of so many draws."""
        noise = rng.standard_normal((count, self.numbers))
        cells = self.base + self.jump * (self.sign * noise[:, self.sees] > -self.q)
        return (noise[:, 0] <= -self.label).astype(int), self._whole(cells)

    def votes(self, shift: Float[ndarray, " D"]) -> Float[ndarray, " T2"]:
        """The share of draws in which each cell has its jump, of the picture shifted by `shift`; the last cells always have."""
        return np.append(ndtr(self.q + self.sign * shift[self.sees]), [1.0, 1.0])

    def hits(self, drawn: Float[ndarray, "N T2"]) -> Int[ndarray, " T2"]:
        """The same, counted."""
        on = np.abs(drawn[:, :-2] - self.base) > np.abs(self.jump) / 2
        return np.append(on.sum(0), [len(drawn)] * 2)

    def _whole(self, cells: ndarray) -> ndarray:
        rest = (1 - cells.sum(-1, keepdims=True)) / 2
        return np.concatenate([cells, rest, rest], -1)

    def loses(self, top: Top, voted: bool) -> bool:
        """Whether fewer than beta k of the named cells are on top, of the mean map or of the vote's, somewhere within the radius."""
        made = self.votes if voted else self.mean
        cells, least = np.array(top.cells), self.claim.k - self.claim.leaving + 1
        shifts = [share * top.radius * way for way in self.directions(cells) for share in LENGTHS if top.radius > 0]
        return any(len({*np.argsort(-made(shift), kind="stable")[: self.claim.k]} & {*top.cells}) < least for shift in shifts)


def networks() -> list[ClosedNetwork]:
    """16 small cells, 8 of them named; such that all hang on one number, for which the bound is tight; ties; and mass that is seldom seen."""
    half, ones = np.repeat([1.0, -1.0], 8), np.ones(16)
    own, same = np.arange(1, 17), np.ones(16, int)
    return [
        _of_sixteen("clear", 1.5 * half, (own, ones), _apart, (1.5, 0.2)),
        _of_sixteen("clear, label near 1/2", 1.5 * half, (own, ones), _apart, (0.2, 0.1)),
        _of_sixteen("one number moves all", half, (same, half), _both_ways, (1.0, 0.05)),
        _of_sixteen("tied cells", 0 * half, (own, ones), _apart, (1.5, 0.2)),
        _seldom_seen(),
    ]


def _of_sixteen(name: str, q: ndarray, looks: tuple[ndarray, ndarray], directions: Directions, radii: tuple[float, float]) -> ClosedNetwork:
    """k0 = 8: the claim is lost when all small named cells have left; the two others that are named are the rest. `looks`: `sees` and `sign`;
    `radii`: the label's own and the one asked for."""
    claim = Claim(1.0, ALPHA / 2, 10, 0.25)
    return ClosedNetwork(name, np.full(16, 0.005), np.full(16, 0.05), q, *looks, claim, 500, radii[0], directions, radii[1])


def _seldom_seen() -> ClosedNetwork:
    """Cell 0 holds 0.1 and cell 1 0.08; in one draw of 46 cell 1 takes all, so it is the larger one in the mean. k0 = 1."""
    base, jump = np.array([0.1, 0.08, *(0.82 / 6,) * 4]), np.array([-0.1, 0.92, *(-0.82 / 6,) * 4])
    claim, six = Claim(1.0, ALPHA / 2, 7, 0.9), np.ones(6)
    return ClosedNetwork("mass seldom seen", base, jump, -2.02 * six, six.astype(int), six, claim, 60, 1.5, _both_ways, 0.2)


def _apart(cells: ndarray) -> list[ndarray]:
    """The named cells' numbers down, the others' up, evenly."""
    away = np.array([0.0, *(-1.0 if cell in cells else 1.0 for cell in range(16))])
    return [away / np.linalg.norm(away)]


def _both_ways(cells: ndarray) -> list[ndarray]:
    return [np.array([0.0, -1.0]), np.array([0.0, 1.0])]


@dataclass(frozen=True)
class Rate:
    """Of `runs` certificates: errors of the `label` and of the `top` k, the 99 % lower bound `low` of the latter's rate, the share `certified`."""

    name: str
    bound: str
    label: int
    top: int
    runs: int
    low: float
    certified: float


@dataclass
class Count:
    """What is counted of one network and bound."""

    label: int = 0
    top: int = 0
    certified: int = 0
    runs: int = 0


def fused(drawn: Float[ndarray, "N T"]) -> Fused:
    """The draws' maps as the capped mean map of one picture, by the real fuse."""
    made = fuse.build("capped_mean", 1)
    made.add(torch.zeros(len(drawn), dtype=torch.int64), torch.from_numpy(drawn)[:, None])
    result = made.result(len(drawn))
    empty = torch.zeros(1, dtype=torch.int64)
    return Fused(result.maps, "capped_mean", len(drawn), result.squares, empty, result.hits, result.exceeded)


def vote(network: ClosedNetwork, drawn: Float[ndarray, "N T"], alpha: float) -> Top:
    """Of the map of the shares of draws in which cells jump."""
    hits = network.hits(drawn)
    return intervals.top(intervals.of_votes(hits, len(drawn), alpha), hits, hits, network.claim)


def no_union(network: ClosedNetwork, drawn: Float[ndarray, "N T"]) -> Top:
    """Broken: each of the vote's bounds at the whole alpha, as if there were one."""
    return vote(network, drawn, network.claim.alpha * 2 * drawn.shape[1])


def levels_after(network: ClosedNetwork, drawn: Float[ndarray, "N T"]) -> Top:
    """Broken: of the mean map, levels at the two values that decide, as the draws had them, and nothing beyond."""
    cells, k = drawn.mean(0), network.claim.k
    inside, outside = np.sort(cells)[::-1][[k - 1, k]]
    at = np.array([outside * 1.001, inside * 0.999]) if outside * 1.001 < inside * 0.999 else np.array([inside * 0.5, inside])
    exceeded = (drawn > at[:, None, None]).sum(1)
    return intervals.top(intervals.of_mean(exceeded, len(drawn), at, at[-1] * 1.001, network.claim.alpha), cells, cells, network.claim)


def outcomes(network: ClosedNetwork, rng: np.random.Generator) -> dict[str, tuple[bool, Top, bool]]:
    """By bound, from the same draws: whether the label's radius is too large, the map's certificate, and whether anything was certified."""
    selection = np.bincount(network.draw(rng, SELECTION)[0], minlength=2)
    labels, drawn = network.draw(rng, network.draws)
    label, mean = certify.label(selection, np.bincount(labels, minlength=2), 1.0, ALPHA / 2), fused(drawn)
    wrong = label.label != certify.ABSTAIN and label.radius > (network.label if label.label == 0 else -network.label)
    tops = {bound: maps.top(mean, 0, network.claim, bound) for bound in maps.BOUNDS} | {VOTE: vote(network, drawn, network.claim.alpha)}
    tops |= {NO_UNION: no_union(network, drawn), LEVELS_AFTER: levels_after(network, drawn)}
    found = {bound: (wrong, top, label.radius > 0 and top.radius > 0) for bound, top in tops.items()}
    certain = _adaptive(network, int(np.argmax(selection)), labels, drawn)
    sure = Top(tops["thresholds"].cells if certain is None else certain.cells, network.asks if certain else 0.0)
    return found | {"adaptive": (certain is not None and network.asks > network.label, sure, certain is not None)}


def _adaptive(network: ClosedNetwork, chosen: int, labels: ndarray, drawn: ndarray) -> Top | None:
    """The same draws, one look after the other: the cells whose radius was certified, None if nothing was."""
    question = Question(replace(network.claim, alpha=ALPHA), network.asks, sequential.looks(network.draws))
    for n in question.looks:
        so_far = fused(drawn[:n])
        if (certain := answer(question, int((labels[:n] == chosen).sum()), n, so_far)) is not None:
            return maps.top(so_far, 0, network.claim) if certain else None
    raise AssertionError("the last look always answers")


def run(runs: int, seed: int = 0) -> list[Rate]:
    """How often certificates of each network are wrong in `runs` runs; and of all networks together."""
    rates, whole = [], dict[str, Count]()
    for number, network in enumerate(networks()):
        rng, counts = np.random.default_rng([seed, number]), dict[str, Count]()
        for _ in range(runs):
            for bound, (label, top, certified) in outcomes(network, rng).items():
                for count in (counts.setdefault(bound, Count()), whole.setdefault(bound, Count())):
                    count.label += label
                    count.top += network.loses(top, bound in (VOTE, NO_UNION))
                    count.certified += certified
                    count.runs += 1
        rates += [rate(network.name, bound, count) for bound, count in counts.items()]
    return rates + [rate("all", bound, count) for bound, count in whole.items()]


def rate(name: str, bound: str, count: Count) -> Rate:
    return Rate(name, bound, count.label, count.top, count.runs, bounds.lower(count.top, count.runs, 0.01), count.certified / count.runs)


def render(rates: Sequence[Rate]) -> str:
    """The table, as Markdown."""
    lines = [
        [one.name, one.bound, f"{one.label} of {one.runs}", f"{one.top} of {one.runs}", f"{one.low:.4f}", f"{one.certified:.0%}"]
        for one in rates
    ]
    names = ["network", "bound", "label wrong", f"top k wrong (alpha {ALPHA / 2})", "its rate's 99 % lower bound", "both certified"]
    return table(names, lines)


def main(*, runs: int = 10_000, seed: int = 0) -> None:
    """Prints the table."""
    print(render(run(runs, seed)))


if __name__ == "__main__":
    cyclopts.run(main)
