"""`pytest --benchmark`: what the runtime promises about its own speed; pairs in one process, interleaved."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DModel

from bench.records import child
from bench.records.clock import StageClock, seconds
from bench.worlds import world as worlds
from bench.worlds.workbench import Engine, Workbench
from runtime.chain import Draws, staged
from runtime.diffusion import denoise, schedule
from runtime.diffusion.unet import EpsNetwork
from runtime.network import randomize
from runtime.noise import DrawNoise
from runtime.pictures import resize

CPU, M, PAIRS = torch.device("cpu"), 32, 5
GRID = (64, 64)
ORT = Engine("ort", "fp32")


def small_unet() -> EpsNetwork:
    """11.8 M random weights, 64 px, three levels."""
    blocks = ("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"), ("AttnUpBlock2D", "UpBlock2D", "UpBlock2D")
    model = UNet2DModel(
        block_out_channels=(64, 160, 256), layers_per_block=1, attention_head_dim=32, norm_num_groups=16,
        down_block_types=blocks[0], up_block_types=blocks[1],
    )  # fmt: skip
    unet = EpsNetwork(model).eval().requires_grad_(False)
    randomize(unet, 2)
    return unet


@pytest.mark.benchmark(group="runtime")
def test_a_chain_against_a_plain_loop(benchmark, speed: Callable[..., None]) -> None:
    """32 draws of one picture through a 12 M UNet at 64 px: a chain's batches against one draw at a time, the same eager session."""
    world, unet, process = worlds.open("embedded"), small_unet(), schedule.linear()
    backbone = world.backbone()
    images, _ = world.samples(1, backbone)
    level = schedule.level(process, 8 / 255, "cumulative")
    classify, denoiser = backbone.model, denoise.one_shot(unet, process)
    costs = {
        b: min(seconds(lambda b=b: unet(torch.zeros(b, 3, *GRID), torch.zeros(b)), CPU) for _ in range(3)) / b for b in (1, 2, 4, 8, 16)
    }
    draws = Draws(M, batch=min(costs, key=lambda b: costs[b]))
    chain = staged(denoiser, classify, level, GRID, GRID[0])

    def plain() -> torch.Tensor:
        votes = torch.zeros(len(backbone.classes), dtype=torch.int64)
        with torch.inference_mode():
            for draw in range(M):
                noise = DrawNoise(0, [0], [draw])
                clean = resize(images, GRID)
                denoised = denoiser(clean + level.sigma * noise.normal(clean), level.sigma, noise)
                votes[classify(denoised).argmax(1)] += 1
        return votes

    def batched() -> torch.Tensor:
        return chain(images, [0], draws).votes[0]

    flips = int((plain() - batched()).abs().sum()) // 2
    pairs = [(seconds(plain, CPU), seconds(batched, CPU)) for _ in range(PAIRS)]
    benchmark.pedantic(batched, rounds=1)
    facts = {"batch": draws.batch, "parameters": sum(p.numel() for p in unet.parameters()), "flips": flips}
    speed("chain / plain loop", "at most 0.85", numerator=[pair[1] for pair in pairs], denominator=[pair[0] for pair in pairs], facts=facts)


@pytest.mark.benchmark(group="runtime")
def test_what_a_chain_adds(benchmark, speed: Callable[..., None]) -> None:
    """Share of a chain's time that is not in the sessions: noise, resizes, votes, bookkeeping."""
    bench = Workbench(worlds.open("embedded"), device=CPU)
    images, _ = bench.world.samples(1, bench.backbone)
    process = bench.denoiser.schedule
    level = schedule.level(process, 8 / 255, "cumulative")
    denoiser = denoise.one_shot(bench.session(ORT, "denoiser"), process)
    chain = staged(denoiser, bench.session(ORT, "backbone"), level, bench.grid, bench.backbone.size)
    shares: list[float] = []

    def once() -> None:
        clock = StageClock(CPU)
        total = seconds(lambda: chain(images, [0], Draws(M, batch=8), None, clock), CPU)
        shares.append(1.0 - (clock.seconds["denoise"] + clock.seconds["classify"]) / total)

    benchmark.pedantic(once, rounds=PAIRS, warmup_rounds=1)
    speed("what a chain adds around the sessions", "at most 3 %", unit="share", values=shares[1:])


@pytest.mark.benchmark(group="runtime")
def test_memory_does_not_grow(benchmark, speed: Callable[..., None]) -> None:
    """Peak memory of 100,000 draws against 100, each in a separate process."""

    def peak(draws: int) -> float:
        return child.call("bench.studies.speed.memory:peak", {"draws": draws})

    few = peak(100)
    many = benchmark.pedantic(peak, args=(100_000,), rounds=1)
    speed("memory at m = 100,000 above m = 100", "at most 50 MiB", unit="MiB", values=[many - few], facts={"mib_at_100": round(few, 1)})


@pytest.mark.benchmark(group="runtime")
def test_help_is_quick(benchmark, speed: Callable[..., None], tmp_path: Path) -> None:
    """`fvit --help`, the whole process."""
    codes: list[int | None] = []
    command = [sys.executable, "-m", "bench", "--help"]
    benchmark.pedantic(lambda: codes.append(child.run(command, None, tmp_path / "help.txt")[0]), rounds=7)
    assert set(codes) == {0}
    speed("fvit --help", "at most 0.3 s", unit="s", values=list(benchmark.stats.stats.data))
