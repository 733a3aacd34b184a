"""What trials will cost, before they are measured: calls are counted (`bench.trials.calls`), the seconds of a call measured here, once.

Trials share attacked pictures and answers, as in a run. Where a draw takes seconds (`slow_on`) no session is loaded for it: SESSION_SHARE of
PyTorch's own call stands for the session's, and a pass backward through the denoiser for a second one forward (the same multiplications).
"""

import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bench.records.clock import seconds
from bench.trials.calls import Calls, of_attack, of_metric
from bench.trials.cost import ROUNDS, Question
from bench.trials.metric import find
from bench.trials.run import Runner
from bench.trials.trial import Trial, parts
from bench.worlds import defence as defences
from bench.worlds.defence import CONTROLS, Defence
from bench.worlds.workbench import Engine
from runtime.diffusion import denoise
from runtime.diffusion.schedule import NoiseLevel
from runtime.maps import explain
from runtime.noise import DrawNoise
from runtime.pictures import resize

# of an export and of loading its file, on an Intel Xeon of family 6, model 85, at 2.5 GHz (docs/paper-size.md)
EXPORT_SECONDS, EXPORT_PER_BYTE, LOAD_PER_BYTE = 15.0, 32e-9, 4.5e-9
SESSION_SHARE = 0.77  # of ONNX Runtime's call in PyTorch's: 8.6 of 11 s, 12 of 16 s for a draw, on two machines
EXTREMES = 2  # pictures of the parity check beside `parity_batches`: every input at its lowest and at its highest

LONG = 5.0  # seconds of a picture's call beyond which it is not made twice

Costs = dict[Hashable, float]  # of what is computed once, however many trials need it: seconds


class NotTimed(KeyError):
    """A call that no clock here has timed."""


def _once(method: Callable[..., float]) -> Callable[..., float]:
    """Measured when it is first asked for."""

    @functools.wraps(method)
    def asked(self: "Clock", *words: str) -> float:
        key = " ".join((method.__name__, *words))
        if key not in self.known:
            if self.stopped:
                raise NotTimed(key)
            self.known[key] = method(self, *words)
        return self.known[key]

    return asked


class Clock:
    """Seconds of a picture through each network here, measured when they are first asked for; `known`: those that were measured before.

    `stopped`: it measures nothing, and raises NotTimed where it is asked for more than it knows.
    """

    def __init__(self, runner: Runner, level: NoiseLevel, known: Mapping[str, float] | None = None, stopped: bool = False):
        self.stopped = stopped
        self.runner, self.level = runner, level
        self.known = dict(known or {})
        self.slow = runner.world.slow_on(runner.device.type)

    @_once
    def classify(self, backbone: str) -> float:
        """One picture's answer without a defence."""
        if self.slow:
            model, images = self.runner.bench(backbone).backbone.model, self._images(backbone)
            return self._took(lambda: model(images), len(images))
        return self._answered(backbone, Defence())

    @_once
    def classify_back(self, backbone: str) -> float:
        """Forward and back to the pixels."""
        model = self.runner.bench(backbone).backbone.model
        return self._back(lambda x: model(x), self._images(backbone))

    @_once
    def draw(self, backbone: str) -> float:
        """One draw behind the defence, without a map, in the session."""
        if self.slow:
            return SESSION_SHARE * (self.denoise() + self.classify(backbone))
        return self._answered(backbone, Defence("dds", self.level, defences.BATCH))

    @_once
    def denoise(self) -> float:
        """One call of the denoiser."""
        backbone = self._any()
        if self.slow:
            images, network = self._grid(self._images(backbone)[:1]), self._denoiser()
            return self._took(lambda: network(images), 1)
        return max(self.draw(backbone) - self.classify(backbone), 0.0)

    @_once
    def denoise_back(self) -> float:
        if self.slow:
            return 2 * self.denoise()
        return self._back(self._denoiser(), self._grid(self._images(self._any())))

    @_once
    def explain(self, backbone: str, spec: str) -> float:
        images = self._images(backbone)
        explainer, zero = explain.build(spec, self.runner.bench(backbone).backbone), torch.zeros(len(images), dtype=torch.long)
        return self._took(lambda: explainer(images, zero.to(images.device)), len(images))

    def _any(self) -> str:
        """A backbone that is there already, so that no other has to leave."""
        return next(iter(self.runner.benches), "") or next(iter(self.runner.world.scene.backbones.values()))

    def _images(self, backbone: str) -> Tensor:
        bench = self.runner.bench(backbone)
        count = 2 if self.slow else defences.BATCH
        return self.runner.world.samples(count, bench.backbone)[0].to(bench.device)

    def _grid(self, images: Tensor) -> Tensor:
        return resize(images, self.runner.bench(self._any()).grid)

    def _denoiser(self) -> Callable[[Tensor], Tensor]:
        network = self.runner.bench(self._any()).denoiser
        one_shot = denoise.one_shot(network.model, network.schedule)
        return lambda images: one_shot(images, self.level.sigma, DrawNoise(0, range(len(images)), [0] * len(images)))

    def _answered(self, backbone: str, defence: Defence) -> float:
        bench, images = self.runner.bench(backbone), self._images(backbone)
        images = images[:1] if defence.randomised else images
        return self._took(lambda: defences.answer(bench, defence, Engine(), images, range(len(images))), defences.BATCH)

    def _took(self, work: Callable[[], object], count: int) -> float:
        """Of one of `count` pictures, the second time; in a slow world, where nothing is loaded in the first, that one if it is long."""
        with torch.no_grad():
            first = seconds(work, self.runner.device) / count
            return first if self.slow and first > LONG else seconds(work, self.runner.device) / count

    def _back(self, network: Callable[[Tensor], Tensor], images: Tensor) -> float:
        def work() -> None:
            x = images.detach().requires_grad_()
            torch.autograd.grad(network(x).sum(), x)

        work()
        return seconds(work, self.runner.device) / len(images)


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
