"""Seconds of one picture through each network on this machine, measured once each: what predictions are made of.

Where a draw takes seconds (`slow_on`) no session is loaded: SESSION_SHARE of PyTorch's own call stands for the session's, and a pass backward
through the denoiser for a second one forward (the same multiplications).
"""

import functools
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from bench.records.clock import seconds
from bench.trials.run import Runner
from bench.worlds import defence as defences
from bench.worlds.defence import Defence
from bench.worlds.workbench import Engine
from runtime.diffusion import denoise
from runtime.diffusion.schedule import NoiseLevel
from runtime.maps import explain
from runtime.noise import DrawNoise
from runtime.pictures import resize

SESSION_SHARE = 0.77  # of ONNX Runtime's call in PyTorch's: 8.6 of 11 s, 12 of 16 s for a draw, on two machines
LONG = 5.0  # seconds of a picture's call beyond which it is not made twice


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
