"""What trials will cost, before they are measured: calls are counted (`bench.trials.calls`), the seconds of a call measured (`bench.trials.timing`).

Trials share attacked pictures and answers, as in a run.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from bench.trials.calls import Calls, of_attack, of_metric
from bench.trials.cost import ROUNDS, Question
from bench.trials.metric import find
from bench.trials.timing import SESSION_SHARE, Clock
from bench.trials.trial import Trial, parts
from bench.worlds import defence as defences
from bench.worlds.defence import CONTROLS, Defence

# of an export and of loading its file, on an Intel Xeon of family 6, model 85, at 2.5 GHz (docs/paper-size.md)
EXPORT_SECONDS, EXPORT_PER_BYTE, LOAD_PER_BYTE = 15.0, 32e-9, 4.5e-9
EXTREMES = 2  # pictures of the parity check beside `parity_batches`: every input at its lowest and at its highest

Costs = dict[Hashable, float]  # of what is computed once, however many trials need it: seconds


@dataclass(frozen=True)
class Prediction:
    """What trials cost, by what is computed once, however many of them need it."""

    clock: Clock

    def trial(self, trial: Trial) -> Costs:
        """Attack, answers, the answers on clean pictures that maps are compared with, and what metrics ask."""
        found: Costs = {}
        if trial.threat:
            own = trial.defence if trial.threat.known else replace(trial.defence, draws=1, seed=0, fuse="mean")
            key = ("attack", trial.backbone, trial.task, trial.split, trial.threat, own if trial.threat.through else Defence())
            found[key] = trial.images * self._calls(trial.backbone, of_attack(trial.threat, trial.defence))
        found["answer", trial.base, trial.explainers] = self.answer(trial)
        if self.compared(trial):
            found["answer", trial.twin.base, trial.explainers] = self.answer(trial.twin)
        once = {(explainer, _asked(spec)): spec for explainer, spec in trial.maps if spec}
        found["metrics", trial] = sum(self._metric(trial, spec) for spec in once.values())
        return found

    def compared(self, trial: Trial) -> bool:
        """Whether its maps are compared with those of the clean pictures."""
        return any("twin" in find(spec).needs for _, spec in trial.maps if spec)

    def draws(self, trial: Trial) -> int:
        """Of its answers, and of those that metrics ask of its defence."""
        if not trial.defence.randomised:
            return 0
        once = {(explainer, _asked(spec)): spec for explainer, spec in trial.maps if spec}
        return trial.images * trial.defence.draws * (trial.asks + sum(of_metric(spec)[1] for spec in once.values()))

    def answer(self, trial: Trial) -> float:
        """Labels and maps of all its pictures. Calls of the networks are always full: what fills the last one is lost."""
        defence, world, clock = trial.defence, self.clock.runner.world, self.clock
        draws, batch = (defence.draws, defence.batch) if defence.randomised else (1, defences.together(world))
        items = sum(-(-len(part) * draws // batch) * batch for part in parts(trial.images, world.chunk))
        own = dict.fromkeys(explainer.partition("@")[0] for explainer in trial.explainers)
        maps = sum(clock.explain(trial.backbone, explainer) for explainer in own)
        return trial.asks * items * _of_draw(defence, clock, trial.backbone) + trial.images * draws * maps

    def cost(self, question: Question, rounds: int = ROUNDS) -> float:
        """Of timing one explainer: the rounds and one to warm up."""
        trial, explainer = question
        together = 1 if trial.defence.randomised else defences.together(self.clock.runner.world)
        return (1 + rounds) * self.answer(replace(trial, images=together, maps=((explainer, ""),)))

    def load(self, backbone: str, bytes: float, denoises: bool, exported: bool) -> float:
        """Of a session of a slow world: its export where there is no file yet, its loading, and the parity of both."""
        clock, pictures = self.clock, EXTREMES + sum(self.clock.runner.world.parity_batches)
        call = (clock.denoise() if denoises else 0.0) + (clock.classify(backbone) if backbone else 0.0)
        made = 0.0 if exported else EXPORT_SECONDS + EXPORT_PER_BYTE * bytes
        return made + LOAD_PER_BYTE * bytes + (1 + SESSION_SHARE) * pictures * call

    def _calls(self, backbone: str, calls: Calls) -> float:
        clock = self.clock
        pairs = (
            (calls.classify, lambda: clock.classify(backbone)),
            (calls.classify_back, lambda: clock.classify_back(backbone)),
            (calls.denoise, clock.denoise),
            (calls.denoise_back, clock.denoise_back),
        )
        return sum(count * call() for count, call in pairs if count)

    def _metric(self, trial: Trial, spec: str) -> float:
        """What it asks the classifier alone, and what the trial's own defence."""
        plain, defended = (replace(trial, maps=(), defence=one) for one in (Defence(), trial.defence))
        return sum(count * self.answer(asked) for count, asked in zip(of_metric(spec), (plain, defended), strict=True) if count)


def _asked(spec: str) -> Hashable:
    """Metrics that share their questions to a classifier have this in common."""
    metric = find(spec)
    return (metric.plugin.__name__, tuple(sorted(metric.of_score.items())))


def _of_draw(defence: Defence, clock: Clock, backbone: str) -> float:
    """One draw without a map: how often the denoiser and the classifier are called in it."""
    level = defence.level
    if defence.kind in ("none", "noise") or defence.denoise in CONTROLS or level is None or not level.denoises:
        return clock.classify(backbone)
    if defence.denoise == "one_shot" and defence.votes == "denoised":
        return clock.draw(backbone)
    calls = {"one_shot": 1, "ddim": defence.steps or 1}.get(defence.denoise, level.t + 1)
    return calls * (SESSION_SHARE if clock.slow else 1.0) * clock.denoise() + (2 if defence.votes == "noisy" else 1) * clock.classify(
        backbone
    )


def total(costs: Sequence[Costs], known: Costs | None = None) -> float:
    """Seconds of all, each thing once; `known`: what was counted before, which the new is added to."""
    known = {} if known is None else known
    found = 0.0
    for one in costs:
        for key, took in one.items():
            found += 0.0 if key in known else took
            known.setdefault(key, took)
    return found


def told(seconds: float) -> str:
    """A time as people say it."""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
