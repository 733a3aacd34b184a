"""A rehearsal: every table in small, before weeks are spent on it. Does everything run here, how long will it take, and in what memory?

Each table's trials are walked in their order, and one that shows anything new (a backbone behind a kind of defence, a data set, a denoiser, an
attack, an explainer, a metric) is measured on one picture; the others get the seconds that their calls take, computed, and marked so.
"""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field, replace

from rich.console import Console

from bench.records.campaign import Campaign, How, NotHere, Plan
from bench.records.clock import PeakMemory
from bench.records.rows import Clocked, Costed, Failed, Missing, Rehearsed, Why
from bench.records.store import Store
from bench.trials import cost, measure, memory
from bench.trials.grid import Grid
from bench.trials.metric import find
from bench.trials.predict import Costs, Prediction, total
from bench.trials.run import Runner
from bench.trials.settings import Settings
from bench.trials.timing import Clock
from bench.trials.trial import Trial, by_backbone, differing, merged
from bench.worlds.defence import networks
from export import to_onnx

STUDY = "rehearsal"
LOADED = "load/{}/{}"  # backbone and kind of network: the key of a session's row


@dataclass(frozen=True)
class Rehearsal:
    """Which trials are measured and which stay computed, which explainers are timed."""

    measured: list[Trial]
    computed: list[Trial]
    costs: list[cost.Question]
    tables: dict[str, list[Trial]] = field(default_factory=dict)  # of each table, those that it made necessary


def choose(grids: Sequence[Grid], settings: Settings) -> Rehearsal:
    """The trials of all tables, divided; each with the maps that are measured or computed of it."""
    chosen: list[Trial] = []
    tables: dict[str, list[Trial]] = {}
    costs: list[cost.Question] = []
    for grid in grids:
        seen: set[Hashable] = set()
        for trial in grid.trials(settings):
            new = _features(trial) - seen
            if new:
                small = replace(trial, maps=_maps(trial, seen))
                seen |= _features(trial)
                chosen.append(small)
                tables.setdefault(grid.name, []).append(small)
        costs += _one_of_each(grid.costs(settings))
    measured = sorted(merged(chosen), key=measure.order(grids, settings))
    known = {trial.base for trial in measured}
    return Rehearsal(measured, [trial for trial in measure.wanted(grids, settings) if trial.base not in known], costs, tables)


def without(asked: Rehearsal, reasons: Collection[measure.Place]) -> Rehearsal:
    """Without the trials of these backbones and tasks."""

    def good(trial: Trial) -> bool:
        return measure.place(trial) not in reasons

    measured, computed = list(filter(good, asked.measured)), list(filter(good, asked.computed))
    return replace(asked, measured=measured, computed=computed, costs=[one for one in asked.costs if good(one[0])])


def rehearse(grids: Sequence[Grid], settings: Settings, store: Store, runner: Runner, console: Console, how: How) -> str:
    """Measures what `choose` names, writes what it computes; the campaign's name."""
    with Campaign(store, plan(settings, runner), console, how) as campaign:
        runner.own = campaign.name
        whole = choose(grids, settings)
        reasons = measure.refused(whole.measured, runner)
        for trial in (*whole.measured, *whole.computed):
            if error := reasons.get(measure.place(trial)):
                measure.refuse(campaign, trial, error)
        asked = without(whole, reasons)
        before = campaign.of(Clocked)
        clock = Clock(runner, settings.made.level(), before[-1].seconds if before else None)
        expected = expect(asked, clock)
        if not before:
            campaign.write(Clocked(campaign=campaign.name, key="clock", seconds=clock.known))
        for trial, seconds in expected.computed.items():
            _compute(campaign, trial, seconds)
        for trial in campaign.each(asked.measured, lambda trial: f"{trial.key}/rehearsed", str):
            _measure(campaign, runner, trial, expected)
        for question in campaign.each(asked.costs, cost.key, lambda one: f"timing {one[1]}, {one[0].defence.kind}"):
            _cost(campaign, runner, question, expected.costs[question])
        return campaign.name


@dataclass(frozen=True)
class Expected:
    """Seconds of trials, of timings and, by backbone and kind of network, of loading sessions; bytes at the peak by backbone."""

    measured: dict[Trial, float] = field(default_factory=dict)
    computed: dict[Trial, float] = field(default_factory=dict)
    costs: dict[cost.Question, float] = field(default_factory=dict)
    loads: dict[tuple[str, str], float] = field(default_factory=dict)
    bytes: dict[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Of everything that is measured."""
        return sum(self.measured.values()) + sum(self.costs.values()) + sum(self.loads.values())


def expect(asked: Rehearsal, clock: Clock) -> Expected:
    """One backbone after the other, since no more than one may fit into memory."""
    predicted, found, known = Prediction(clock), Expected(), Costs()
    computed = by_backbone(asked.computed)
    for backbone, own in by_backbone(asked.measured).items():
        found.measured.update({trial: total([predicted.trial(trial)], known) for trial in own})
        found.computed.update({trial: total([predicted.trial(trial)], known) for trial in computed.get(backbone, [])})
        found.costs.update({question: predicted.cost(question, 1) for question in asked.costs if question[0].backbone == backbone})
        found.loads.update({(backbone, kind): seconds for kind, seconds in loading(predicted, backbone, own).items()})
        found.bytes[backbone] = memory.peak(clock.runner, own)
    return found


def plan(settings: Settings, runner: Runner) -> Plan:
    """The campaign of the rehearsal of these settings."""
    return replace(measure.plan(settings, runner), study=STUDY)


def loading(predicted: Prediction, backbone: str, trials: Sequence[Trial]) -> dict[str, float]:
    """Seconds of each session that `trials` of one backbone need, by kind of network; with its export where its file is not there."""
    if not predicted.clock.slow:
        return {}  # loaded by the clock already
    bench, found = predicted.clock.runner.bench(backbone), {}
    for kind in dict.fromkeys(kind for trial in trials for kind in (*networks(trial.defence), "backbone")):
        network = bench.network(kind)
        own = "" if kind == "denoiser" else backbone
        found[kind] = predicted.load(own, memory.weights(network.module), kind != "backbone", to_onnx.place(network).is_dir())
    return found


def _measure(campaign: Campaign, runner: Runner, trial: Trial, expected: Expected) -> None:
    """A trial's rows and what it took; the sessions that it loads have rows of their own."""
    peak, bytes = PeakMemory(), int(expected.bytes[trial.backbone])
    peak.reset()

    def make() -> Rehearsed:
        if not campaign.done(trial.asked_key):
            campaign.write(runner.asked(trial, campaign.name))
        bench = runner.bench(trial.backbone)
        before = len(bench.loads)
        answered = runner.row(trial, range(1), campaign.name)
        if answered.left_out:
            raise NotHere(f"the first picture of {trial.task} cannot be used: {answered.left_out[0][1]}")
        campaign.write(answered)
        for kind, took in bench.loads[before:]:
            key, load = LOADED.format(trial.backbone, kind), expected.loads.get((trial.backbone, kind), 0.0)
            campaign.write(_row(campaign, key, (took, load), (peak.read(), bytes)))
        took = answered.seconds - sum(seconds for _, seconds in bench.loads[before:])
        return _row(campaign, f"{trial.key}/rehearsed", (took, expected.measured[trial]), (peak.read(), bytes), trial)

    campaign.measure(f"{trial.key}/rehearsed", make, differing(trial.base))


def _cost(campaign: Campaign, runner: Runner, question: cost.Question, expected: float) -> None:
    """One round of timing, after one to warm up."""
    trial = question[0]
    row = campaign.measure(cost.key(question), lambda: cost.measure(runner, question, campaign.name, 1), differing(trial.base))
    if isinstance(row, Costed):
        took = 2 * row.seconds[0]
        campaign.write(_row(campaign, f"{cost.key(question)}/rehearsed", (took, expected), (PeakMemory().read(), 0), trial))


def _row(campaign: Campaign, key: str, seconds: tuple[float, float], bytes: tuple[int, int], trial: Trial | None = None) -> Rehearsed:
    """`seconds` and `bytes`: measured and predicted."""
    return Rehearsed(
        campaign=campaign.name, key=key, trial=differing(trial.base) if trial else {}, seconds=seconds[0], predicted=seconds[1],
        peak_bytes=bytes[0], predicted_bytes=bytes[1],
    )  # fmt: skip


def _compute(campaign: Campaign, trial: Trial, seconds: float) -> None:
    """In a trial's place what it would take."""
    key = f"{trial.key}/none"
    if not campaign.done(key):
        missing = Missing(Why.COMPUTED, f"not run in a rehearsal; its calls take {seconds:.1f} s, computed")
        campaign.write(Failed(campaign=campaign.name, key=key, missing=missing, again=False, subject=differing(trial.base)))


def _features(trial: Trial) -> set[Hashable]:
    """Everything about a trial that might fail, or cost, in a way of its own."""
    defence, threat = trial.defence, trial.threat
    found: set[Hashable] = {
        ("backbone", trial.backbone, defence.kind), ("data", trial.task), ("draws", defence.draws), ("asks", trial.asks),
        ("defence", defence.kind, defence.denoise, defence.noise, defence.votes),
        ("attack", threat and (threat.attack, threat.norm, threat.through and defence.kind)), ("noise of the twin", trial.same_noise),
    }  # fmt: skip
    return found | {("explainer", explainer) for explainer, _ in trial.maps} | {("metric", _kind(spec)) for _, spec in trial.maps if spec}


def _kind(spec: str) -> Hashable:
    """A metric; those that ask the defence again for every step of a curve are all of one kind, since one takes minutes."""
    metric = find(spec)
    return "defended" if metric.of_score.get("classifier") == "defended" else spec


def _maps(trial: Trial, seen: set[Hashable]) -> tuple[tuple[str, str], ...]:
    """The trial's maps without further metrics of the kind that takes minutes."""
    found, slow = [], ("metric", "defended") in seen
    for explainer, spec in trial.maps:
        if spec and _kind(spec) == "defended":
            if slow:
                continue
            slow = True
        found.append((explainer, spec))
    return tuple(found)


def _one_of_each(questions: Sequence[cost.Question]) -> list[cost.Question]:
    """One timing with a defence and one without."""
    return list({trial.defence.kind: (trial, explainer) for trial, explainer in reversed(questions)}.values())
