"""The works of `fvit roofline`: networks of a few sizes, each in every session and precision, in pairs against eager fp32.

A pair is one call of each on the same inputs, the one right after the other, so that a slow minute of the machine slows both. One candidate
is loaded at a time: a 552.8 M network in eight forms does not fit into memory together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from diffusers import UNet2DModel

from bench.records import ceilings as roofline
from bench.records.ceilings import flops
from bench.records.clock import StageClock, seconds
from bench.worlds.workbench import Workbench
from bench.worlds.world import NOISE, World, WorldOptions, build
from export.networks import example
from runtime.diffusion import schedule
from runtime.diffusion.networks import DenoiserNetwork
from runtime.diffusion.unet import EpsNetwork
from runtime.network import randomize
from runtime.smooth import Plan, fused, smooth

REFERENCE = ("eager", "fp32")
LEAST, ENOUGH = 5, 30.0  # pairs, seconds
GROWTH = (10, 100, 1_000, 10_000)  # draws of one picture
ROUNDS = 7


@dataclass(frozen=True)
class Work:
    """A network of a world and the batch of a call. `wanted`: precision -> the most of eager fp32's time that is aimed at."""

    title: str
    world: Callable[[], World]
    kind: str
    batch: int
    wanted: dict[str, float]


def measure(work: Work, candidate: tuple[str, str], batch: int, pairs: int, bench: Workbench) -> dict:
    """One candidate: parity, then `pairs` calls at most of it and of the reference in turn, after one of each that is not counted.

    After LEAST pairs it ends once ENOUGH seconds are over.

    Left out: loading, exporting, parity. FvitError with the reason where it cannot be had or failed parity.
    """
    session, precision = candidate
    loaded, reference = bench.load(session, precision, work.kind), bench.load(*REFERENCE, work.kind)
    network = bench.network(work.kind, "fp32")
    inputs = tuple(x.to(bench.device) for x in example(network, batch))
    calls = {"seconds": loaded.session, "reference_seconds": reference.session}
    found: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call(*inputs)
    for number in range(pairs):
        if number >= LEAST and sum(map(sum, found.values())) > ENOUGH:
            break
        for name, call in calls.items():
            found[name].append(seconds(lambda call=call: call(*inputs), bench.device))
    least = roofline.least(network, precision, batch, bench.device)
    middle = median(found["seconds"])
    return found | {
        "least_seconds": least,
        "roofline_share": least / middle,
        "flops": batch * flops(network),
        "parity": loaded.parity,
        "facts": loaded.facts,
        "weights": network.weights,
    }


def growth(bench: Workbench, session: str, precision: str) -> dict[int, dict[str, list[float]]]:
    """Seconds a draw of one picture through the fused graph: number of draws -> `whole` and each stage of it -> round by round.

    A round goes from few draws to many and back, since a machine's speed drifts: each number is then measured early and late, few draws
    often, and the round's median kept. In: resizes, noise, denoiser, classifier, votes. Left out: maps. A GPU waits at each stage's end.
    """
    found: dict[int, dict[str, list[float]]] = {draws: {} for draws in GROWTH}
    draw = _draws(bench, session, precision)
    for _ in range(ROUNDS):
        times: dict[int, list[dict[str, float]]] = {draws: [] for draws in GROWTH}
        for draws in (*GROWTH, *reversed(GROWTH[:-1])):
            times[draws] += [draw(draws) for _ in range(max(1, 200 // draws))]
        for draws, mine in times.items():
            for stage in mine[0]:
                found[draws].setdefault(stage, []).append(median(one[stage] for one in mine))
    return found


def _draws(bench: Workbench, session: str, precision: str) -> Callable[[int], dict[str, float]]:
    """What draws so often and gives the seconds a draw by stage; `rest` are the picture's check, votes and Python."""
    process = bench.world.denoiser.schedule
    level = schedule.level(process, NOISE / 255, "cumulative")
    loaded = bench.load(session, precision, "classify_draws").session
    size = (bench.world.denoiser.size, bench.world.denoiser.size)
    images = bench.world.images.to(bench.device)

    def draw(draws: int) -> dict[str, float]:
        clock = StageClock(bench.device)
        plan = Plan(level.sigma, draws, 0, GROWTH[0], size)  # one batch for all, filled by every number
        whole = seconds(lambda: smooth(images, [0], plan, fused(loaded, level, process, clock), stage=clock), bench.device)
        parts = {"whole": whole} | clock.seconds | {"rest": whole - sum(clock.seconds.values())}
        return {stage: part / draws for stage, part in parts.items()}

    return draw


def small_unet() -> World:
    """The embedded world with an 11.8 M UNet of random weights, 64 px, three levels, in the place of its denoiser."""
    world = build(WorldOptions())
    unet = EpsNetwork(
        UNet2DModel(
            block_out_channels=(64, 160, 256), layers_per_block=1, attention_head_dim=32, norm_num_groups=16,
            down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        )
    ).eval().requires_grad_(False)  # fmt: skip
    randomize(unet, 2)
    denoiser = DenoiserNetwork("unet_12m", unet, 64, 3, schedule.linear(), "random, seed 2")
    return World("embedded", world.images, world.source, world.backbone, denoiser)


def _paper(backbone: str) -> Callable[[], World]:
    return lambda: build(WorldOptions("paper", backbone))


WORKS = {
    "unet_552m": Work("552.8 M UNet, 256 px, one step", _paper("vit_b16"), "denoiser", 1, {"bf16": 1 / 2.6, "int8": 1 / 4}),
    "vit_b16": Work("ViT-B/16, 224 px", _paper("vit_b16"), "backbone", 8, {"bf16": 1 / 2.5, "int8": 1 / 4}),
    "deit_b16": Work("DeiT-B/16, 224 px", _paper("deit_b16"), "backbone", 8, {"bf16": 1 / 2.5, "int8": 1 / 4}),
    "swin_b": Work("Swin-B, 224 px", _paper("swin_b"), "backbone", 8, {"bf16": 1 / 2}),
    "unet_12m": Work("11.8 M UNet, 64 px", small_unet, "denoiser", 8, {"bf16": 1 / 2}),
    "draw": Work(
        "fused draw of the embedded world: denoiser and ViT", lambda: build(WorldOptions()), "classify_draws", 32, {"bf16": 1 / 2.5}
    ),
}
