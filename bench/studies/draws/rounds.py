"""One round of one cell of Table 3: seconds of its draws and of each stage."""

import functools
from collections.abc import Callable
from dataclasses import asdict

import torch
from torch import Tensor

from bench.records.clock import PeakMemory, StageClock, seconds
from bench.records.rows import Timed
from bench.studies.draws.run import FUSED, Run
from bench.worlds.workbench import Engine, Workbench
from bench.worlds.world import World
from export import networks
from runtime import chain as chains
from runtime.chain import Chain, Draws, Explained, Smoothed, Stage, no_stage
from runtime.diffusion import denoise
from runtime.diffusion import schedule as schedules
from runtime.diffusion.schedule import NoiseLevel
from runtime.errors import FvitError
from runtime.maps import explain
from runtime.protocols import Denoiser

CANDIDATES = (1, 2, 4, 5, 8, 10, 16, 32)


class DrawBench(Workbench):
    """A workbench with the pictures that are drawn from, which also knows the execution batch of each run."""

    def __init__(self, world: World, device: torch.device, pictures: int = 1, say: Callable[[str], None] = lambda line: None):
        super().__init__(world, None, device, say)
        self._count = pictures
        self._batches: dict[tuple, int] = {}

    @functools.cached_property
    def pictures(self) -> tuple[Tensor, str]:
        """The pictures on the device, and what they are."""
        images, source = self.world.samples(self._count, self.backbone)
        if len(images) < self._count:
            raise FvitError(f"{len(images)} pictures given ({source}), {self._count} are expected; give more pictures, or ask for fewer")
        return images.to(self.device), source

    def batch(self, run: Run) -> int:
        """The execution batch that makes `run`'s draws fastest in this session here, from a short calibration."""
        key = (run.session, run.precision, run.graph, run.total)
        if key not in self._batches:
            self.say(f"choosing the execution batch of {engine(run)}")
            self._batches[key] = self._calibrate(run)
        return self._batches[key]

    def _calibrate(self, run: Run) -> int:
        """Seconds per call at each candidate batch, times the calls that the draws then need; the first call of a shape is not counted."""
        kind = "classify_draws" if run.graph == FUSED else "denoiser"
        session, network = self.session(engine(run), kind), self.network(kind, run.precision)
        if run.total == 1:
            return 1
        cost = {}
        for batch in (candidate for candidate in CANDIDATES if candidate <= run.total):
            inputs = tuple(x.to(self.device) for x in networks.example(network, batch))
            session(*inputs)
            call = functools.partial(session, *inputs)
            cost[batch] = min(seconds(call, self.device) for _ in range(3)) * -(-run.total // batch)
        return min(cost, key=lambda batch: cost[batch])


def engine(run: Run) -> Engine:
    return Engine(run.session, run.precision)


def noise_level(run: Run, bench: DrawBench) -> NoiseLevel:
    """The step and the real noise of `run`."""
    return schedules.level(bench.denoiser.schedule, run.sigma, run.rule)


def calls(run: Run, level: NoiseLevel) -> int:
    """Denoiser calls per draw."""
    return denoise.calls(run.denoise, level.t) if level.denoises else 0


def time_round(run: Run, bench: DrawBench, campaign: str, number: int) -> Timed:
    """One round of one cell: seconds of all its draws and of each stage. On a GPU the stages come from a second run of the same draws.

    Left out: loading, exporting, parity, calibration, reading pictures. In: resizes, noise, denoiser, classifier, map, votes.
    """
    device, level = bench.device, noise_level(run, bench)
    defended, maps = chain(run, bench, level), explained(run, bench)
    draws = Draws(run.draws, 0, run.seed, bench.batch(run))
    images, names = bench.pictures[0][: run.images], list(range(run.images))
    memory, clock = PeakMemory(), StageClock(device)
    memory.reset()
    results: list[Smoothed] = []

    def work(stage: Stage) -> None:
        results.append(defended(images, names, draws, maps, stage))

    total = seconds(lambda: work(no_stage if device.type == "cuda" else clock), device)
    if device.type == "cuda":  # there the stage clock's waits would cost time of their own
        work(clock)
    return Timed(
        campaign=campaign, key=f"{run.key}/{number}", run=asdict(run), round=number, seconds=total, stages=clock.seconds,
        device_stages=clock.device_seconds, votes=results[0].votes.tolist(), batch=draws.batch, t=level.t, sigma=level.sigma,
        believed=level.believed, calls=calls(run, level), peak_bytes=memory.read(),
    )  # fmt: skip


def chain(run: Run, bench: DrawBench, level: NoiseLevel) -> Chain:
    """The defended classifier of `run`."""
    if run.graph == FUSED:
        return chains.fused(bench.session(engine(run), "classify_draws"), level, bench.denoiser.schedule, bench.grid)
    return chains.staged(denoiser(run, bench, level), bench.session(engine(run), "backbone"), level, bench.grid, bench.backbone.size)


def denoiser(run: Run, bench: DrawBench, level: NoiseLevel) -> Denoiser:
    """The denoiser of `run`; none where its rule says so."""
    if not level.denoises:
        return denoise.identity
    return denoise.build(run.denoise, bench.session(engine(run), "denoiser"), bench.denoiser.schedule)


def explained(run: Run, bench: DrawBench) -> Explained | None:
    """The explainer of `run`, in eager PyTorch fp32 whatever the session."""
    return Explained({run.explainer: explain.build(run.explainer, bench.backbone)}) if run.explainer else None
