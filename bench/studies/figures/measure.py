"""Figure 3's trials: VTA and ours under attacks of several radii, ours at several noises; rows like those of the tables."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec
from rich.console import Console

from bench.protocols import OURS
from bench.records.campaign import Campaign, How, Plan
from bench.records.store import Store
from bench.studies.figures.catalogue import Choice, Curves
from bench.trials.run import Runner
from bench.trials.trial import Trial, differing, merged
from bench.worlds.attack import Threat
from bench.worlds.presets import preset

STUDY = "figures"
EXPLAINER = "vta"
METHODS = {"VTA": "none", OURS: "dds"}
AUCS = ("positive_auc", "negative_auc")
SENSITIVE = ("accuracy", "s_faith", "topk")
RADIUS, SIGMA = "radius", "sigma"


@dataclass(frozen=True)
class CurveSetting:
    """What the curves of a campaign are: the `figure`, and the user's `choice`."""

    figure: Curves
    choice: Choice

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> "CurveSetting":
        """From a campaign's first row."""
        return msgspec.convert(dict(facts), cls)


@dataclass(frozen=True)
class Spot:
    """A trial and where its numbers stand: `against` RADIUS or SIGMA, `at` (of 255), for `metrics`."""

    against: str
    at: int
    method: str
    metrics: tuple[str, ...]
    trial: Trial


def measure(setting: CurveSetting, store: Store, runner: Runner, console: Console, how: How) -> str:
    """Every trial of the curves that is missing; the campaign's name."""
    bench = runner.bench(setting.figure.backbone)
    world = runner.world
    facts = asdict(setting) | {"given": world.facts()}
    head = {"weights": world.facts(), "notes": world.notes(), "facts": {"fingerprints": bench.fingerprints()}}
    with Campaign(store, Plan(STUDY, facts, lambda: head), console, how) as campaign:
        trials = merged([_with_maps(spot) for spot in spots(setting)])
        parts = [(trial, numbers) for trial in trials for numbers in runner.parts(trial)]
        for trial, numbers in campaign.each(parts, lambda p: p[0].part_key(p[1]), lambda p: str(p[0]), lambda p: len(p[1])):
            campaign.measure(trial.part_key(numbers), lambda t=trial, n=numbers: runner.row(t, n, campaign.name), differing(trial.base))
        return campaign.name


def spots(setting: CurveSetting) -> list[Spot]:
    """Both methods at every radius, then ours at every nominal sigma under the figure's own attack."""
    figure, choice, made = setting.figure, setting.choice, preset(setting.choice.preset)
    clean, found = Trial(figure.backbone, figure.task, choice.n), []

    def threat(radius: int) -> Threat | None:
        return Threat("pgd", "linf", radius / 255, made.rule_for(figure.task)) if radius else None

    for radius in figure.radii:
        for method, kind in METHODS.items():
            defence = made.defence(kind) if kind == "none" else made.defence(kind, seed=choice.seed)
            found.append(Spot(RADIUS, radius, method, AUCS, replace(clean, threat=threat(radius), defence=defence)))
    for sigma in figure.sigmas:
        defence = made.defence("dds", sigma / 255, seed=choice.seed)
        found.append(Spot(SIGMA, sigma, OURS, SENSITIVE, replace(clean, threat=threat(figure.eps), defence=defence)))
    return found


def _with_maps(spot: Spot) -> Trial:
    return replace(spot.trial, maps=tuple((EXPLAINER, "" if metric == "accuracy" else metric) for metric in spot.metrics))
