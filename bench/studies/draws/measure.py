"""One round of one cell of Table 3: seconds of its draws and of each stage."""

import functools
from collections.abc import Callable

import torch

from bench.protocols import Run
from bench.records.clock import PeakMemory, StageClock, seconds
from bench.worlds.workbench import Workbench
from bench.worlds.world import World
from export import networks
from runtime.diffusion import denoise
from runtime.diffusion import schedule as schedules
from runtime.diffusion.schedule import NoiseLevel
from runtime.maps import explain
from runtime.protocols import Denoiser
from runtime.smooth import Explained, Plan, Smoothed, Stage, Step, fused, no_stage, smooth, staged

CANDIDATES = (1, 2, 4, 5, 8, 10, 16, 32)


class DrawBench(Workbench):
    """A workbench that also knows the execution batch of each run."""

    def __init__(self, world: World, device: torch.device, say: Callable[[str], None] = lambda line: None):
        super().__init__(world, device, say)
        self._batches: dict[tuple, int] = {}

    def batch(self, run: Run) -> int:
        """The execution batch that makes `run`'s draws fastest in this session here, from a short calibration."""
        key = (run.session, run.precision, run.graph, run.draws * run.images)
        if key not in self._batches:
            self.say(f"choosing the execution batch of {run.session} {run.precision}")
            self._batches[key] = self._calibrate(run)
        return self._batches[key]

    def _calibrate(self, run: Run) -> int:
        """Seconds a call at each candidate batch, times the calls that the draws then need; the first call of a shape is not counted."""
        total = run.draws * run.images
        loaded = self.load(run.session, run.precision, "classify_draws" if run.graph == "fused" else "denoiser")
        network = self.network("classify_draws" if run.graph == "fused" else "denoiser", run.precision)
        cost = {}
        for batch in [b for b in CANDIDATES if b <= total] or [1]:
            inputs = tuple(x.to(self.device) for x in networks.example(network, batch))
            if total > 1:
                loaded.session(*inputs)
                call = functools.partial(loaded.session, *inputs)
                cost[batch] = min(seconds(call, self.device) for _ in range(3)) * -(-total // batch)
            else:
                cost[batch] = 0.0
        return min(cost, key=lambda batch: cost[batch])


def noise_level(run: Run, world: World) -> NoiseLevel:
    """The step and the real noise of `run`."""
    if run.denoise == "released":
        return schedules.released_level(world.denoiser.schedule, run.sigma / 255)
    return schedules.level(world.denoiser.schedule, run.sigma / 255, run.rule)


def calls(run: Run, level: NoiseLevel) -> int:
    """Denoiser calls a draw."""
    return denoise.calls(run.denoise, level.t) if level.denoises else 0


def measure(run: Run, bench: DrawBench) -> dict:
    """One round of one cell: seconds of all its draws and of each stage. On a GPU the stages come from a second run of the same draws.

    Left out: loading, exporting, parity, calibration, reading pictures. In: resizes, noise, denoiser, classifier, map, votes.
    """
    world, device = bench.world, bench.device
    level = noise_level(run, world)
    plan = Plan(level.sigma, run.draws, run.seed, bench.batch(run), (world.denoiser.size, world.denoiser.size))
    images, maps = world.images[: run.images].to(device), explained(run, bench)
    names = list(range(run.images))
    memory, clock = PeakMemory(), StageClock(device)
    memory.reset()
    results: list[Smoothed] = []

    def work(stage: Stage) -> None:
        results.append(smooth(images, names, plan, step(run, bench, level, stage), maps, stage))

    total = seconds(lambda: work(no_stage if device.type == "cuda" else clock), device)
    if device.type == "cuda":  # there the stage clock's waits would cost time of their own
        work(clock)
    return {
        "seconds": total,
        "stages": clock.seconds,
        "device_stages": clock.device_seconds,
        "votes": results[0].votes.tolist(),
        "batch": plan.batch,
        "t": level.t,
        "real_sigma": level.sigma,
        "believed_sigma": level.believed,
        "calls": calls(run, level),
        "peak_bytes": memory.read(),
    }


def step(run: Run, bench: DrawBench, level: NoiseLevel, stage: Stage) -> Step:
    """What one batch of `run` goes through."""
    if run.graph == "fused":
        session = bench.load(run.session, run.precision, "classify_draws").session
        return fused(session, level, bench.world.denoiser.schedule, stage)
    return staged(
        denoiser(run, bench, level),
        bench.load(run.session, run.precision, "backbone").session,
        level.sigma,
        bench.world.backbone.size,
        stage,
    )


def denoiser(run: Run, bench: DrawBench, level: NoiseLevel) -> Denoiser:
    """The denoiser of `run`; none where its rule says so."""
    if not level.denoises:
        return denoise.identity
    return denoise.build(run.denoise, bench.load(run.session, run.precision, "denoiser").session, bench.world.denoiser.schedule)


def explained(run: Run, bench: DrawBench) -> Explained | None:
    """The explainer of `run`, in eager PyTorch fp32 whatever the session."""
    if run.explainer is None:
        return None
    return Explained({run.explainer: explain.build(run.explainer, bench.world.backbone)})
