"""Measures the trials that tables still lack, some pictures at a time; every row is on disk before the next part starts."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from bench.records.campaign import Campaign, How, Plan
from bench.records.rows import Failed
from bench.records.store import Store
from bench.trials import cost
from bench.trials.grid import PART, STUDY, Grid
from bench.trials.run import Runner
from bench.trials.settings import Settings
from bench.trials.trial import Trial, by_backbone, differing, merged
from bench.worlds.defence import networks
from runtime import plugins
from runtime.errors import FvitError

Part = tuple[Trial, range]
Place = tuple[str, str, str]  # backbone, task, split
LOOKED = 200  # pictures of each data set that are read before a run, at most
Shard = tuple[int, int]  # the i-th of k
PLUGINS = ("runtime.explainers", "bench.attacks", "bench.metrics", "bench.tables", "bench.worlds.data")


def measure(grids: Sequence[Grid], settings: Settings, store: Store, runner: Runner, console: Console, how: How) -> str:
    """Every trial that `grids` lack at this commit and these settings; the campaign's name. What fails leaves its reason in its row.

    A shard (i, k) is every k-th part of each trial's pictures, from the i-th on. With a time limit the first pictures of all trials come first.
    """
    with Campaign(store, plan(settings, runner, how.shard), console, how) as campaign:
        trials = sorted(wanted(grids, settings), key=order(grids, settings))
        parts = [part for trial in trials for part in _parts(campaign, runner, trial, how.shard)]
        if how.seconds is not None:
            parts.sort(key=lambda part: part[1].start)
        broken: set[Trial] = set()
        count = _Count()
        for trial, numbers in campaign.each(parts, lambda p: p[0].part_key(p[1]), count.of, lambda p: len(p[1])):
            if trial in broken:
                continue
            key = trial.part_key(numbers)
            row = campaign.measure(key, lambda t=trial, n=numbers: runner.row(t, n, campaign.name), differing(trial.base))
            if isinstance(row, Failed):
                broken.add(trial)
                console.print(f"[red]failed:[/red] {trial}: {row.missing.reason}", highlight=False)
            else:
                count.add(trial, row)
        if how.shard is None or how.shard[0] == 1:
            _costs(campaign, [question for grid in grids for question in grid.costs(settings)], runner)
        return campaign.name


def _costs(campaign: Campaign, questions: Sequence[cost.Question], runner: Runner) -> None:
    """Seconds and joules, one row per question; of a sharded campaign the first shard has them."""
    todo = list(dict.fromkeys(questions))
    for question in campaign.each(todo, cost.key, lambda one: f"timing {one[1]}, {one[0].defence.kind}"):
        campaign.measure(cost.key(question), lambda q=question: cost.measure(runner, q, campaign.name), differing(question[0].base))


def plan(settings: Settings, runner: Runner, shard: Shard | None = None) -> Plan:
    """The campaign of these settings."""
    world = runner.world
    given, outside = world.facts(), plugins.origins(PLUGINS)
    facts: dict[str, Any] = settings.facts() | {"given": given, "plugins": outside} | ({"shard": shard} if shard else {})
    head = {"weights": given, "notes": world.notes(), "facts": {"grid": world.grid}, "plugins": outside}
    return Plan(PART if shard else STUDY, facts, lambda: head)


def wanted(grids: Sequence[Grid], settings: Settings) -> list[Trial]:
    """The trials of all `grids`, each once."""
    return merged([trial for grid in grids for trial in grid.trials(settings)])


def _parts(campaign: Campaign, runner: Runner, trial: Trial, shard: Shard | None) -> list[Part]:
    """The parts of one trial; none, and the reason in a row, where its networks or pictures are not to be had."""
    try:
        parts = runner.parts(trial)
        if not campaign.done(trial.asked_key):
            campaign.write(runner.asked(trial, campaign.name))
    except FvitError as error:
        refuse(campaign, trial, error)
        return []
    first, every = shard or (1, 1)
    return [(trial, numbers) for numbers in parts[first - 1 :: every]]


def refuse(campaign: Campaign, trial: Trial, error: FvitError) -> None:
    """The reason why a trial cannot be measured, in its row."""

    def again() -> None:
        raise error

    if not campaign.done(f"{trial.key}/none"):
        campaign.measure(f"{trial.key}/none", again, differing(trial.base))


def place(trial: Trial) -> Place:
    return trial.backbone, trial.task, trial.split


def refused(trials: Sequence[Trial], runner: Runner) -> dict[Place, FvitError]:
    """What measuring would say of the first pictures of each backbone and task: networks built and files read as it would."""
    found: dict[Place, FvitError] = {}
    for backbone, own in by_backbone(trials).items():
        for trial in {place(trial): trial for trial in own}.values():
            try:
                asked = runner.asked(trial, "")
                numbers = range(min(asked.images, asked.size, LOOKED))
                pictures = runner.world.pictures(trial.task, trial.split, numbers, runner.bench(backbone).backbone)
                if not pictures.numbers:
                    raise FvitError(f"none of the first {len(numbers)} pictures can be used; the first one: {pictures.left_out[0][1]}")
            except FvitError as error:
                found[place(trial)] = error
    return found


def order(grids: Sequence[Grid], settings: Settings):
    """Networks one after the other, what needs the denoiser's own session last; first the trials with maps, whose answers serve those without."""
    places = {trial.base: number for number, trial in enumerate(wanted(grids, settings))}
    backbones = list(dict.fromkeys(trial.backbone for trial in places))
    return lambda trial: (backbones.index(trial.backbone), "denoiser" in networks(trial.defence), not trial.maps, places[trial.base])


class _Count:
    """What is right so far, for the progress bar."""

    def __init__(self) -> None:
        self.right: dict[Trial, list[int]] = {}

    def add(self, trial: Trial, row: Any) -> None:
        found = self.right.setdefault(trial, [0, 0])
        found[0] += sum(a == b for a, b in zip(row.answers, row.labels, strict=True))
        found[1] += len(row.answers)

    def of(self, part: Part) -> str:
        right = self.right.get(part[0])
        return str(part[0]) + (f", right {right[0]} of {right[1]}" if right else "")
