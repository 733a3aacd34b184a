"""Do the certificates hold? Draws from known distributions, thousands of times: how often a radius exceeds the true one.

`python -m bench.studies.certify.simulation --runs 10000` prints the table of docs/certificates.md.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass

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


def wrong(scenario: Scenario, rng: np.random.Generator) -> dict[str, bool]:
    """One certificate of each kind: did it say more than the truth, and did it say anything? (Abstaining is never wrong.)"""
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
        "fixed": of_label or of_top, "fixed certified": label.radius > 0 and top.radius > 0,
        "adaptive": adaptive is not None and scenario.radius > adaptive, "adaptive certified": adaptive is not None,
    }  # fmt: skip


def _adaptive(scenario: Scenario, chosen: int, labels: ndarray, maps: ndarray) -> float | None:
    """Looks at the same draws one look after the other: the true radius of what was certified, None if that was nothing."""
    question = Question(Claim(SIGMA, ALPHA, K, BETA), scenario.radius, sequential.looks(DRAWS), scenario.tops)
    for n in question.looks:
        so_far = fused(maps[:n])
        if (said := answer(question, int((labels[:n] == chosen).sum()), n, so_far)) is not None:
            break
    if not said:
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


def run(runs: int, seed: int = 0) -> list[dict]:
    """Errors of each scenario in `runs` runs, and the 99 % lower bound of their rate."""
    found = []
    for number, scenario in enumerate(scenarios()):
        rng = np.random.default_rng([seed, number])
        errors = [wrong(scenario, rng) for _ in range(runs)]
        for kind in ("fixed", "adaptive"):
            count, certified = (sum(error[name] for error in errors) for name in (kind, f"{kind} certified"))
            low = bounds.lower(count, runs, 0.01)
            found.append({"name": scenario.name, "draws": kind, "errors": count, "runs": runs, "low": low, "certified": certified / runs})
    return found


def main() -> None:
    """The table, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = [
        [
            row["name"],
            row["draws"],
            f"{row['errors']} of {row['runs']}",
            f"{row['errors'] / row['runs']:.4f}",
            f"{row['low']:.4f}",
            f"{row['certified']:.0%}",
        ]
        for row in run(options.runs, options.seed)
    ]
    print(table(["distribution", "draws", "wrong", f"error rate (alpha {ALPHA})", "its 99 % lower bound", "certified at all"], rows))


if __name__ == "__main__":
    main()
