"""Tables of trials, and rows of every trial of one."""

from bench.records.rows import Answered, Costed, Head, Machine, Row
from bench.trials import cost
from bench.trials.grid import STUDY, Grid
from bench.trials.page import tables
from bench.trials.settings import Settings
from bench.trials.trial import differing

TABLES = tables()
PRINTED = {name: grid for name, grid in TABLES.items() if name.isdigit()}
ENVIRONMENT = {
    "commit": "abc", "python": "3.11", "cpu": "x", "cores": 2, "threads": 2, "memory_gib": 24, "load_at_start": 0.0, "gpu": None,
    "versions": {"torch": "2", "timm": "1"},
}  # fmt: skip


def beginning(settings: Settings, study: str = STUDY, campaign: str = "c") -> list[Row]:
    """The first two rows of a campaign."""
    head = Head(
        campaign=campaign,
        key="head",
        study=study,
        commit="abc",
        settings=settings.facts(),
        weights={"denoiser": "trained"},
        facts={"grid": 64},
    )
    return [head, Machine(campaign=campaign, key="x", machine="x", environment=ENVIRONMENT)]


def synthetic(settings: Settings, grid: Grid, campaign: str = "c") -> list[Row]:
    """Rows of every trial: of four pictures three are right undefended, all behind a defence; every number of a map's metric is 1 or 2."""
    rows = beginning(settings, campaign=campaign)
    for trial in grid.trials(settings):
        answers = [0, 1, 2, 9 if trial.defence.kind == "none" else 3]
        scores: dict[str, dict[str, list]] = {}
        for explainer, metric in trial.maps:
            if metric:
                width = WIDTH.get(metric.partition(":")[0], 1)
                scores.setdefault(explainer, {})[metric] = [[1.0, 2.0, 2.0, 3.0, *[1.0] * 6][:width] for _ in range(4)]
        votes = [[5 * (label == answer) + 5 * (label == i) for label in range(10)] for i, answer in enumerate(answers)]
        rows.append(
            Answered(
                campaign=campaign, key=trial.part_key(range(4)), trial=differing(trial.base), numbers=[0, 1, 2, 3], labels=[0, 1, 2, 3],
                answers=answers, votes=votes if trial.defence.randomised else None, scores=scores,
                sigma=None if trial.defence.level is None else trial.defence.level.sigma,
            )
        )  # fmt: skip
    for question in grid.costs(settings):
        key, timed = cost.key(question), [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]
        rows.append(Costed(campaign=campaign, key=key, trial={}, explainer=question[1], pictures=2, seconds=timed, joules=timed))
    return rows


WIDTH = {
    "pixel_accuracy": 2,
    "miou": 4,
    "map_foreground": 2,
    "f1": 2,
    "s_faith": 3,
    "s_faith_mask": 3,
    "positive_auc": 10,
    "negative_auc": 10,
}  # numbers per picture of a metric
