"""Do the certificates hold? Draws from known distributions, thousands of times: how often a radius exceeds the true one.

`python -m bench.studies.certify.simulation --runs 10000` prints the table of docs/certificates.md.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cyclopts
import numpy as np
import torch
from numpy import ndarray
from scipy.stats import norm

from bench.pages.page import table
from runtime.certificates import bounds, certify, sequential
from runtime.certificates.certify import Claim
from runtime.certificates.sequential import Question, answer
from runtime.fuse import Fused

SIGMA, ALPHA, K, BETA = 1.0, 0.05, 3, 0.5
SELECTION, DRAWS = 20, 400


@dataclass(frozen=True)
class Scenario:
    """`shares` of the labels; `maps(rng, n)` gives (n, T) maps whose expectation is `mean`; `radius`: what the adaptive draws ask for.

    `tops`: they ask it of the map too.
    """

    name: str
    shares: tuple[float, ...]
    mean: ndarray
    maps: Callable[[np.random.Generator, int], ndarray]
    radius: float
    tops: bool = True


def scenarios() -> list[Scenario]:
    """Plain ones and such as are made to mislead: ties, the widest maps there are, and mass that shows up once in a hundred draws."""
    plain = np.array([100, 90, 80, 8, 7, 6, 5, 4]) / 300
    tied = np.array([4, 4, 4, 4, 4, 4, 3, 3]) / 30
    rare = np.zeros(8)
    rare[-3:] = 1 / 3
    hidden = 0.99 * plain + 0.01 * rare

    def mixed(rng: np.random.Generator, n: int) -> ndarray:
        return np.where(rng.random((n, 1)) < 0.01, rare, plain)

    def one_hot(rng: np.random.Generator, n: int) -> ndarray:
        return np.eye(8)[rng.choice(8, n, p=plain)]

    def around(mean: ndarray, tightness: float) -> Callable[[np.random.Generator, int], ndarray]:
        return lambda rng, n: rng.dirichlet(mean * tightness, n)

    below = float(norm.cdf(0.5)) - 1e-3  # the label's share whose radius is just under the one asked for: a yes is wrong
    return [
        Scenario("clear label, calm maps", (0.9, 0.1), plain, around(plain, 300.0), 0.3),
        Scenario("share next to 1/2", (0.51, 0.49), plain, around(plain, 300.0), 0.02, tops=False),
        Scenario("share just under the radius asked for", (below, 1 - below), plain, around(plain, 300.0), 0.5, tops=False),
        Scenario("ten labels, three alike", (0.3, 0.3, 0.3, *(0.1 / 7,) * 7), tied, around(tied, 300.0), 0.01),
        Scenario("one cell a draw holds all", (0.95, 0.05), plain, one_hot, 0.05),
        Scenario("hidden mass, one draw in 100", (0.99, 0.01), hidden, mixed, 0.3),
        Scenario("tied cells", (0.9, 0.1), tied, around(tied, 3000.0), 0.01),
    ]


@dataclass(frozen=True)
class SimulatedClaim:
    """One certificate: whether it says more than the truth, and whether it says anything. Abstaining is never wrong."""

    wrong: bool
    certified: bool


@dataclass(frozen=True)
class Rate:
    """Of `runs` certificates: `errors`, the 99 % lower bound `low` of their rate, and the share `certified`."""

    name: str
    draws: str
    errors: int
    runs: int
    low: float
    certified: float


def outcomes(scenario: Scenario, rng: np.random.Generator) -> dict[str, SimulatedClaim]:
    """One certificate of a fixed number of draws, and one of adaptive draws, from the same draws."""
    shares = np.array(scenario.shares)
    selection = rng.multinomial(SELECTION, shares)
    labels, maps = rng.choice(len(shares), DRAWS, p=shares), scenario.maps(rng, DRAWS)
    votes = np.bincount(labels, minlength=len(shares))
    claim = Claim(SIGMA, ALPHA / 2, K, BETA)
    label, top = certify.label(selection, votes, SIGMA, ALPHA / 2), certify.top(fused(maps), 0, claim)
    of_label = label.label != certify.ABSTAIN and label.radius > _label_radius(shares[label.label])
    of_top = top.radius > true_radius(scenario.mean, top.cells) + 1e-12
    adaptive = _adaptive(scenario, int(np.argmax(selection)), labels, maps)
    return {
        "fixed": SimulatedClaim(of_label or of_top, label.radius > 0 and top.radius > 0),
        "adaptive": SimulatedClaim(adaptive is not None and scenario.radius > adaptive, adaptive is not None),
    }


def _adaptive(scenario: Scenario, chosen: int, labels: ndarray, maps: ndarray) -> float | None:
    """The same draws, one look after the other: the true radius of what was certified, None if nothing was."""
    question = Question(Claim(SIGMA, ALPHA, K, BETA), scenario.radius, sequential.looks(DRAWS), scenario.tops)
    for n in question.looks:
        so_far = fused(maps[:n])
        if (certain := answer(question, int((labels[:n] == chosen).sum()), n, so_far)) is not None:
            break
    if not certain:
        return None
    cells = certify.top(so_far, 0, Claim(SIGMA, ALPHA, K, BETA)).cells
    of_top = true_radius(scenario.mean, cells) + 1e-12 if scenario.tops else math.inf
    return min(_label_radius(scenario.shares[chosen]), of_top)


def true_radius(mean: ndarray, cells: tuple[int, ...]) -> float:
    """Within which at least beta k of `cells` stay, the mean map known: the formula that a general minimiser checks elsewhere."""
    return certify.topk_radius(mean, mean, np.array(cells), Claim(SIGMA, ALPHA, K, BETA))


def _label_radius(share: float) -> float:
    return SIGMA * float(norm.ppf(share)) if share > 0.5 else 0.0


def fused(maps: ndarray) -> Fused:
    """(n, T) maps as the mean map of one picture."""
    grid = torch.from_numpy(np.stack([maps.mean(0), (maps**2).mean(0)])).reshape(2, 1, 2, -1)
    return Fused(grid[0], "mean", len(maps), grid[1], torch.zeros(1, dtype=torch.int64))


def run(runs: int, seed: int = 0) -> list[Rate]:
    """How often certificates of each scenario are wrong in `runs` runs."""
    rates = []
    for number, scenario in enumerate(scenarios()):
        rng = np.random.default_rng([seed, number])
        drawn = [outcomes(scenario, rng) for _ in range(runs)]
        for kind in ("fixed", "adaptive"):
            own = [both[kind] for both in drawn]
            errors, certified = sum(outcome.wrong for outcome in own), sum(outcome.certified for outcome in own)
            rates.append(Rate(scenario.name, kind, errors, runs, bounds.lower(errors, runs, 0.01), certified / runs))
    return rates


def render(rates: Sequence[Rate]) -> str:
    """The table, as Markdown."""
    lines = [
        [
            rate.name,
            rate.draws,
            f"{rate.errors} of {rate.runs}",
            f"{rate.errors / rate.runs:.4f}",
            f"{rate.low:.4f}",
            f"{rate.certified:.0%}",
        ]
        for rate in rates
    ]
    return table(["distribution", "draws", "wrong", f"error rate (alpha {ALPHA})", "its 99 % lower bound", "certified at all"], lines)


def main(*, runs: int = 10_000, seed: int = 0) -> None:
    """Prints the table."""
    print(render(run(runs, seed)))


if __name__ == "__main__":
    cyclopts.run(main)
