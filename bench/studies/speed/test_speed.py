"""`pytest --benchmark`: what the runtime promises about its own speed, each a pair measured in one process, interleaved."""

import json
import subprocess
import sys

import pytest
import torch

from bench import pytest_plugin
from bench.records import machine
from bench.records import rows as records
from bench.records.clock import StageClock, cores, fixed_threads, seconds
from bench.records.stats import median_interval, paired_ratio
from bench.studies.roofline import networks as works
from bench.worlds.workbench import Workbench
from bench.worlds.world import WorldOptions, build
from runtime.diffusion import denoise, schedule
from runtime.noise import DrawNoise
from runtime.provenance import ROOT
from runtime.smooth import Plan, resize, smooth, staged

CPU, M, PAIRS = torch.device("cpu"), 32, 5
MEMORY = """
import sys, torch
from bench.timing import PeakMemory
from runtime.smooth import Plan, smooth
weight = torch.randn(3, 10, generator=torch.Generator().manual_seed(0))
step = lambda noisy, noise: (noisy.mean((2, 3)) @ weight, None)
smooth(torch.full((1, 3, 8, 8), 0.5), [0], Plan(0.1, int(sys.argv[1]), 0, 64, (8, 8)), step)
print(PeakMemory().read() / 2**20)  # getrusage would give the parent's peak, which a child inherits
"""


@pytest.fixture(scope="module")
def speed(request: pytest.FixtureRequest):
    """Collects (name, value, what it is); writes them as rows and prints them at the end."""
    found: list[dict] = []
    with fixed_threads(cores()):
        yield found
    rows = records.Rows(pytest_plugin.results(request.config) / f"speed-{machine.machine()}")
    for row in found:
        rows.append({"kind": "speed", "environment": machine.environment()} | row)
    lines = [f"{row['name']}: {row['text']}" for row in found]
    pytest_plugin.show_at_the_end(request.config, "## Speed of the runtime itself\n\n" + "\n".join(lines) + f"\n\nrows: {rows.path}")


@pytest.mark.benchmark(group="runtime")
def test_smooth_against_a_plain_loop(benchmark, speed: list[dict]) -> None:
    """32 draws of one picture through a 12 M UNet at 64 px: `smooth` in batches against one draw at a time, the same eager session."""
    world = works.small_unet()
    unet, process = world.denoiser.model, world.denoiser.schedule
    parameters = sum(p.numel() for p in unet.parameters())
    level = schedule.level(process, 8 / 255, "cumulative")
    classify, denoiser = world.backbone.model, denoise.one_shot(unet, process)
    costs = {
        b: min(seconds(lambda b=b: unet(torch.zeros(b, 3, 64, 64), torch.zeros(b)), CPU) for _ in range(3)) / b for b in (1, 2, 4, 8, 16)
    }
    plan = Plan(level.sigma, M, 0, min(costs, key=lambda b: costs[b]), (64, 64))

    def plain() -> torch.Tensor:
        votes = torch.zeros(10, dtype=torch.int64)
        with torch.inference_mode():
            for draw in range(M):
                noise = DrawNoise(0, [0], [draw])
                clean = resize(world.images, (64, 64))
                denoised = denoiser(clean + level.sigma * noise.normal(clean), level.sigma, noise)
                votes[classify(denoised).argmax(1)] += 1
        return votes

    def batched() -> torch.Tensor:
        return smooth(world.images, [0], plan, staged(denoiser, classify, level.sigma, 64)).votes[0]

    agree = int((plain() - batched()).abs().sum()) // 2
    times = {"plain": {}, "batched": {}}
    for pair in range(PAIRS):
        times["plain"][pair] = seconds(plain, CPU)
        times["batched"][pair] = seconds(batched, CPU)
    benchmark.pedantic(batched, rounds=1)
    _tell(
        speed, "smooth / plain loop", times["batched"], times["plain"], "at most 0.85", batch=plan.batch, parameters=parameters, flips=agree
    )


@pytest.mark.benchmark(group="runtime")
def test_what_smooth_adds(benchmark, speed: list[dict]) -> None:
    """Share of a smoothed picture's time that is not in the sessions: noise, resizes, votes, bookkeeping."""
    world = build(WorldOptions())
    bench = Workbench(world, CPU)
    process = world.denoiser.schedule
    level = schedule.level(process, 8 / 255, "cumulative")
    sessions = bench.load("ort", "fp32", "denoiser").session, bench.load("ort", "fp32", "backbone").session
    plan, shares = Plan(level.sigma, M, 0, 8, (64, 64)), []

    def once() -> None:
        clock = StageClock(CPU)
        inside = staged(denoise.one_shot(sessions[0], process), sessions[1], level.sigma, 64, clock)
        total = seconds(lambda: smooth(world.images, [0], plan, inside), CPU)
        shares.append(1.0 - (clock.seconds["denoise"] + clock.seconds["classify"]) / total)

    benchmark.pedantic(once, rounds=PAIRS, warmup_rounds=1)
    median, low, high = median_interval(shares[1:])
    speed.append({"name": "what smooth adds around the sessions", "value": median, "low": low, "high": high, "pairs": PAIRS,
                  "text": f"{median:.1%} [{low:.1%}, {high:.1%}] (at most 3 %)"})  # fmt: skip


@pytest.mark.benchmark(group="runtime")
def test_memory_does_not_grow(benchmark, speed: list[dict]) -> None:
    """Peak memory of 100,000 draws against 100, each in a process of its own."""

    def peak(draws: int) -> float:
        done = subprocess.run([sys.executable, "-c", MEMORY, str(draws)], cwd=ROOT, capture_output=True, text=True, check=True)
        return float(done.stdout)

    few = peak(100)
    many = benchmark.pedantic(peak, args=(100_000,), rounds=1)
    speed.append({"name": "memory at m = 100,000 against m = 100", "value": many - few,
                  "text": f"{many - few:+.1f} MiB of {few:.0f} (at most + 50 MB)"})  # fmt: skip


@pytest.mark.benchmark(group="runtime")
def test_help_is_quick(benchmark, speed: list[dict]) -> None:
    """`fvit --help`, the whole process."""
    command = [sys.executable, "-m", "bench", "--help"]
    benchmark.pedantic(lambda: subprocess.run(command, cwd=ROOT, capture_output=True, check=True), rounds=7)
    values = benchmark.stats.stats.data
    median, low, high = median_interval(values)
    speed.append({"name": "fvit --help", "value": median, "low": low, "high": high, "pairs": len(values),
                  "text": f"{median:.2f} s [{low:.2f}, {high:.2f}] (at most 0.8 s)"})  # fmt: skip


def _tell(speed: list[dict], name: str, numerator: dict, denominator: dict, aim: str, **facts) -> None:
    ratio = paired_ratio(numerator, denominator)
    assert ratio is not None
    text = f"{ratio[0]:.2f} [{ratio[1]:.2f}, {ratio[2]:.2f}] ({aim}; {len(numerator)} pairs; {json.dumps(facts)})"
    speed.append({"name": name, "value": ratio[0], "low": ratio[1], "high": ratio[2], "pairs": len(numerator), "text": text} | facts)
