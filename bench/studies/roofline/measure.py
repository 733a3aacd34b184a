"""Networks of a few sizes, each in every session and precision, in pairs of calls with eager fp32; the machine's ceilings first.

A pair is one call of each on the same inputs, the one right after the other, so that a slow minute of the machine slows both. One candidate
is loaded at a time: a 552.8 M network in eight forms does not fit into memory together.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import product
from statistics import median

import torch
from diffusers import UNet2DModel
from rich.console import Console

from bench.records import ceilings
from bench.records.campaign import Campaign, How, Plan
from bench.records.clock import StageClock, seconds, settled
from bench.records.rows import Growth, Paired, Row, Threads
from bench.records.store import Store
from bench.studies.roofline import networks, threads
from bench.studies.roofline.networks import NETWORKS, STUDY, Timing
from bench.worlds import defence, world
from bench.worlds.defence import Defence
from bench.worlds.workbench import EAGER, SESSIONS, Engine, LoadedSession, Workbench, device
from bench.worlds.world import Brought
from export.networks import example
from runtime import plugins
from runtime.chain import Draws
from runtime.diffusion import schedule
from runtime.diffusion.networks import DenoiserNetwork
from runtime.diffusion.unet import EpsNetwork
from runtime.names import PRECISIONS
from runtime.network import random_weights, randomize

LEAST, ENOUGH = 5, 30.0  # pairs, seconds
DRAWS = (10, 100, 1_000, 10_000)  # of one picture
FEWEST = 200  # draws each time that a number of them is measured: few ones are repeated
ROUNDS = 7


@dataclass(frozen=True)
class Candidates:
    """Each of `networks` in each session and precision; `pairs` of calls at most; `batches` None: each network's own."""

    networks: tuple[str, ...]
    sessions: tuple[str, ...]
    precisions: tuple[str, ...]
    pairs: int
    batches: tuple[int, ...] | None = None
    device: str | None = None

    @property
    def engines(self) -> list[tuple[str, str]]:
        return [engine for engine in product(self.sessions, self.precisions) if engine != networks.REFERENCE]

    @property
    def threads(self) -> str | None:
        """The precision of the thread layouts: OpenVINO's lowest floating one that was asked for, if OpenVINO was and can run here."""
        plugin = plugins.load(SESSIONS, "openvino")
        floating = [p for session, p in self.engines if session == "openvino" and p in plugin.PRECISIONS and p != "int8"]
        return max(floating, key=PRECISIONS.index) if floating and not plugin.available() else None


def run(candidates: Candidates, store: Store, console: Console, how: How = How()) -> None:
    """Measures what is missing at this commit."""
    target = device(candidates.device)
    precisions = dict.fromkeys((EAGER.precision, *candidates.precisions))
    plan = Plan(
        STUDY, asdict(candidates) | {"device": target.type}, lambda: _head(candidates), lambda: ceilings.measure(precisions, target)
    )
    timings = networks.timings(candidates.networks, candidates.engines, candidates.batches, candidates.threads)
    with settled(), Campaign(store, plan, console, how) as campaign:
        benches = Benches(target, lambda line: console.print(line, style="dim", markup=False, highlight=False))
        for timing in campaign.each(timings, key=lambda timing: timing.key):
            bench = benches.of(timing)
            campaign.measure(timing.key, lambda timing=timing, bench=bench: _row(campaign, timing, bench, candidates.pairs), asdict(timing))


def _head(candidates: Candidates) -> dict:
    """Which of the sessions come from outside the package."""
    origins = {f"sessions/{name}": plugins.origin(SESSIONS, name) for name in candidates.sessions}
    return {"plugins": {name: origin for name, origin in origins.items() if origin}}


class Benches:
    """The workbench of the network that is timed, with one candidate loaded at a time besides eager fp32."""

    def __init__(self, target: torch.device, say: Callable[[str], None]):
        self._device, self._say = target, say
        self._network, self._bench, self._engine = "", None, EAGER

    def of(self, timing: Timing) -> Workbench:
        """The workbench of this timing's network; another candidate than this timing's is forgotten."""
        if timing.network != self._network or self._bench is None:
            self._network, self._bench, self._engine = timing.network, None, EAGER  # the former one is freed before the next is made
            self._bench = build(timing.network, self._device, self._say)
        engine = Engine(timing.session, timing.precision) if timing.what == networks.PAIR else EAGER
        if self._engine not in (engine, EAGER):
            self._bench.forget(self._engine, NETWORKS[timing.network].kind)
        self._engine = engine
        return self._bench


def build(name: str, target: torch.device, say: Callable[[str], None] = lambda line: None) -> Workbench:
    """The workbench of one of NETWORKS."""
    network = NETWORKS[name]
    denoiser = DENOISERS[network.denoiser]() if network.denoiser else None
    return Workbench(world.open(network.world, Brought(network.backbone)), None, target, say, denoiser)


def _row(campaign: Campaign, timing: Timing, bench: Workbench, pairs: int) -> Row | None:
    """The row of one timing; None where no candidate has a number that the growth could be measured with."""
    network, names = NETWORKS[timing.network], {"campaign": campaign.name, "key": timing.key, "network": timing.network}
    if timing.what == networks.PAIR:
        engine = Engine(timing.session, timing.precision)
        return Paired(**names, batch=timing.batch, **asdict(engine), **pair(bench, network.kind, engine, timing.batch, pairs))
    if timing.what == networks.THREADS:
        layouts = threads.measure(bench, network.kind, timing.precision, network.batch, pairs)
        return Threads(**names, precision=timing.precision, seconds=layouts)
    timed = [row for row in campaign.of(Paired) if row.network == timing.network]
    if not timed:
        return None
    fastest = min(timed, key=lambda row: median(row.seconds) / row.batch)
    engine = Engine(fastest.session, fastest.precision)
    campaign.tell(f"seconds per draw, {DRAWS[0]} to {DRAWS[-1]:,} draws: {engine}")
    return Growth(**names, **asdict(engine), seconds=growth(bench, engine))


def pair(bench: Workbench, kind: str, engine: Engine, batch: int, pairs: int) -> dict:
    """The numbers of a `Paired` row: parity, then `pairs` calls at most of `engine` and of the reference in turn.

    One call of each comes before and is not counted. After LEAST pairs it ends once ENOUGH seconds are over.
    Left out: loading, exporting, parity. FvitError with the reason where it cannot be had or failed parity.
    """
    loaded, reference = bench.load(engine, kind), bench.load(EAGER, kind)
    network = bench.network(kind)
    inputs = tuple(x.to(bench.device) for x in example(network, batch))
    times, reference_times = _in_turn(loaded, reference, inputs, pairs, bench.device)
    return {
        "seconds": times,
        "reference_seconds": reference_times,
        "flops": batch * ceilings.flops(network),
        "bytes": ceilings.traffic(network, engine.precision, batch),
        "reference_bytes": ceilings.traffic(network, EAGER.precision, batch),
        "parity": loaded.parity,
        "facts": loaded.facts,
        "weights": str(network.weights),
        "trained": network.weights.kind != "random",
    }


def _in_turn(
    candidate: LoadedSession, reference: LoadedSession, inputs: tuple, pairs: int, target: torch.device
) -> tuple[list[float], list[float]]:
    calls = candidate.session, reference.session
    times: tuple[list[float], list[float]] = [], []
    for call in calls:
        call(*inputs)
    while len(times[0]) < pairs and (len(times[0]) < LEAST or sum(map(sum, times)) <= ENOUGH):
        for call, spent in zip(calls, times, strict=True):
            spent.append(seconds(lambda call=call: call(*inputs), target))
    return times


def growth(bench: Workbench, engine: Engine) -> dict[str, dict[str, list[float]]]:
    """Seconds per draw of one picture through the fused graph: number of draws -> `whole` and each stage of it -> round by round.

    A round goes from few draws to many and back, since a machine's speed drifts: each number is then measured early and late, few draws
    often, and the round's median kept. In: resizes, noise, denoiser, classifier, votes. Left out: maps. A GPU waits at each stage's end.
    """
    rounds: dict[str, dict[str, list[float]]] = {str(draws): {} for draws in DRAWS}
    draw = _draws(bench, engine)
    for _ in range(ROUNDS):
        times: dict[int, list[dict[str, float]]] = {draws: [] for draws in DRAWS}
        for draws in (*DRAWS, *reversed(DRAWS[:-1])):
            times[draws] += [draw(draws) for _ in range(max(1, FEWEST // draws))]
        for draws, stages in times.items():
            for stage in stages[0]:
                rounds[str(draws)].setdefault(stage, []).append(median(one[stage] for one in stages))
    return rounds


def _draws(bench: Workbench, engine: Engine) -> Callable[[int], dict[str, float]]:
    """What draws so often and gives the seconds per draw by stage; `rest` are the picture's check, votes and Python."""
    level = schedule.level(bench.denoiser.schedule, bench.world.noise, "cumulative")
    chain = defence.chain(bench, Defence("dds", level), engine)
    images = bench.world.samples(1, bench.backbone)[0].to(bench.device)

    def draw(draws: int) -> dict[str, float]:
        clock = StageClock(bench.device)
        count = Draws(draws, batch=DRAWS[0])  # one batch for all, filled by every number
        whole = seconds(lambda: chain(images, [0], count, stage=clock), bench.device)
        stages = {"whole": whole} | clock.seconds | {"rest": whole - sum(clock.seconds.values())}
        return {stage: part / draws for stage, part in stages.items()}

    return draw


def small_unet() -> DenoiserNetwork:
    """An 11.8 M UNet of random weights, 64 px, three levels."""
    unet = EpsNetwork(
        UNet2DModel(
            block_out_channels=(64, 160, 256), layers_per_block=1, attention_head_dim=32, norm_num_groups=16,
            down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        )
    ).eval().requires_grad_(False)  # fmt: skip
    randomize(unet, 2)
    return DenoiserNetwork("unet_12m", unet, 64, 3, schedule.linear(), random_weights(2))


DENOISERS: dict[str, Callable[[], DenoiserNetwork]] = {"unet_12m": small_unet}
