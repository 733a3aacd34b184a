"""Run -> rows; the only file that wires the runtime together.

A session is loaded once, checked against eager fp32 and only then handed out: what failed parity or cannot run here has no time but a reason.
"""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from bench import calibration
from bench.protocols import Run
from bench.timing import PeakMemory, StageClock, now, seconds
from bench.worlds import World
from export import networks, parity, quantize, to_onnx
from runtime import ability, denoise, explain, plugins
from runtime import schedule as schedules
from runtime.artifact import Artifact
from runtime.errors import FvitError, SessionUnavailable
from runtime.memory import Fitting
from runtime.network import Network, at_precision
from runtime.protocols import Denoiser, Session
from runtime.schedule import NoiseLevel
from runtime.smooth import Explained, Plan, Smoothed, Stage, Step, fused, no_stage, smooth, staged

SESSIONS = "runtime.sessions"
CANDIDATES = (1, 2, 4, 5, 8, 10, 16, 32)


@dataclass(frozen=True)
class Loaded:
    """A session ready to be timed: how it was loaded, its parity with eager fp32, the file it came from."""

    session: Session
    facts: dict
    parity: dict | None
    artifact: Artifact | None
    load_seconds: float


class Workbench:
    """The loaded sessions of one world on one device; each (session, precision, network) is loaded and checked once."""

    def __init__(self, world: World, device: torch.device, say: Callable[[str], None] = lambda line: None):
        self.world, self.device, self.say = world, device, say
        world.backbone.model.to(device)
        world.denoiser.model.to(device)
        self._loaded: dict[tuple, Loaded | FvitError] = {}
        self._networks: dict[tuple, Network] = {}
        self._batches: dict[tuple, int] = {}
        self._answers: dict[str, dict] = {}

    def network(self, kind: str, precision: str) -> Network:
        """`backbone`, `denoiser` or `classify_draws` (with the denoised pictures, for the explainer)."""
        if (kind, precision) not in self._networks:
            if kind == "classify_draws":
                parts = self.network("denoiser", precision), self.network("backbone", precision)
                made = networks.classify_draws(*parts, with_denoised=True)
            elif precision == "int8":
                made = replace(self.network(kind, "fp32"), precision="int8")  # the file is another, the module the same
            elif precision != "fp32":
                made = at_precision(self.network(kind, "fp32"), precision)
            else:
                make = {"backbone": networks.backbone, "denoiser": networks.denoiser_step}[kind]
                made = make(getattr(self.world, kind))
            self._networks[kind, precision] = made
        return self._networks[kind, precision]

    def load(self, session: str, precision: str, kind: str) -> Loaded:
        """The session on that network; FvitError (the same one again) with the reason where it cannot be had or failed parity."""
        key = (session, precision, kind)
        if key not in self._loaded:
            try:
                self._loaded[key] = self._load(*key)
            except FvitError as error:
                self._loaded[key] = error
        found = self._loaded[key]
        if isinstance(found, FvitError):
            raise found
        return found

    def forget(self, session: str, precision: str, kind: str) -> None:
        """Lets go of a session and of its network's copy in that precision, to have their memory back."""
        self._loaded.pop((session, precision, kind), None)
        if precision not in ("fp32", "int8"):  # int8 shares fp32's module
            self._networks.pop((kind, precision), None)

    def _load(self, session: str, precision: str, kind: str) -> Loaded:
        plugin = plugins.load(SESSIONS, session)
        if why := plugin.available():
            raise SessionUnavailable(f"session {session} cannot run here: {why}")
        if precision not in plugin.PRECISIONS:
            raise SessionUnavailable(f"session {session} has no {precision}; it has {', '.join(plugin.PRECISIONS)}")
        if doubt := ability.doubt(precision, self.device):
            self.say(f"note: {doubt}")
        file = getattr(plugin, "FILES", {}).get(precision, precision)
        network = self.network(kind, file)
        self.say(f"loading {session} {precision} {network.name}")
        artifact = self._export(kind, file) if plugin.SOURCE is Artifact else None
        start = now(self.device)
        made = plugin.load(artifact.at(precision) if artifact else network, self.device)
        loaded = Fitting(made, f"{session} {precision} {network.name}", made.facts, self.say)
        took = now(self.device) - start
        checked = None
        if (session, precision) != ("eager", "fp32"):
            self.say(f"parity of {session} {precision} {network.name}")
            reference = self._remembered(kind)
            exact = self.network(kind, "fp32")
            given = self._cases(exact, kind, precision)
            checked = parity.check(exact, reference, loaded, precision, given, self.device).asdict()
        return Loaded(loaded, loaded.facts, checked, artifact, took)

    def _remembered(self, kind: str) -> Session:
        """Eager fp32, which answers what it was asked before from memory: every session and precision is compared on the same inputs."""
        eager, kept = self.load("eager", "fp32", kind).session, self._answers.setdefault(kind, {})

        def answer(*inputs: torch.Tensor):
            key = hashlib.sha256(b"".join(x.cpu().numpy().tobytes() for x in inputs)).digest()
            if key not in kept:
                kept[key] = eager(*inputs)
            return kept[key]

        return answer

    def _export(self, kind: str, precision: str) -> Artifact:
        if precision != "int8":
            return to_onnx.export(self.network(kind, precision))
        keep = quantize.AUTO if self.world.name == "embedded" else ()  # at the paper's size a layer takes a minute to measure
        return quantize.export(self.network(kind, "fp32"), calibration.calibration(self.world, kind), keep)

    def _cases(self, exact: Network, kind: str, precision: str):
        """What parity is measured on: int8 knows the range of real pictures alone; a large network has fewer of them."""
        if precision == "int8":
            return calibration.held_out(self.world, kind)
        return parity.cases(exact, (1, 2) if self.world.name == "paper" else parity.BATCHES)

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


def measure(run: Run, bench: Workbench) -> dict:
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


def step(run: Run, bench: Workbench, level: NoiseLevel, stage: Stage) -> Step:
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


def denoiser(run: Run, bench: Workbench, level: NoiseLevel) -> Denoiser:
    """The denoiser of `run`; none where its rule says so."""
    if not level.denoises:
        return denoise.identity
    return denoise.build(run.denoise, bench.load(run.session, run.precision, "denoiser").session, bench.world.denoiser.schedule)


def explained(run: Run, bench: Workbench) -> Explained | None:
    """The explainer of `run`, in eager PyTorch fp32 whatever the session."""
    if run.explainer is None:
        return None
    return Explained({run.explainer: explain.build(run.explainer, bench.world.backbone)})
