"""One backbone of a world and its denoiser, in every session and precision: exported, loaded, compared with eager fp32, and only then handed out.

A network is built when it is first asked for: timing a classifier builds no denoiser.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bench.records.clock import now
from bench.worlds import calibration
from bench.worlds.world import World
from export import networks, parity, quantize, to_onnx
from runtime import artifact as artifacts
from runtime import plugins
from runtime.artifact import Artifact
from runtime.checkpoints import fingerprint
from runtime.diffusion.networks import DenoiserNetwork
from runtime.errors import FvitError, SessionUnavailable
from runtime.network import Network, at_precision
from runtime.protocols import Backbone, Session
from runtime.sessions import precision as precisions
from runtime.sessions.split import SplitBatch

SESSIONS = "runtime.sessions"
KINDS = ("backbone", "denoiser", "classify_draws")


@dataclass(frozen=True)
class Engine:
    """A session and the precision it computes in."""

    session: str = "ort"
    precision: str = "fp32"

    def __str__(self) -> str:
        return f"{self.session} {self.precision}"


EAGER = Engine("eager", "fp32")


@dataclass(frozen=True)
class LoadedSession:
    """A session ready to be timed: how it was loaded, its parity with eager fp32 (None: it is that), the file it came from."""

    session: Session
    facts: dict
    parity: dict | None
    artifact: Artifact | None
    load_seconds: float


class Workbench:
    """The networks and sessions of one backbone on one device; each (engine, kind of network) is loaded and checked once.

    `denoiser`: another one than the world's.
    """

    def __init__(
        self,
        world: World,
        backbone: str | None = None,
        device: torch.device = torch.device("cpu"),
        say: Callable[[str], None] = lambda line: None,
        denoiser: DenoiserNetwork | None = None,
    ):
        self.world, self.device, self.say = world, device, say
        self._name, self._backbone, self._denoiser = backbone, None, denoiser
        self._loaded: dict[tuple, LoadedSession | FvitError] = {}
        self._networks: dict[tuple, Network] = {}
        self._answers: dict[str, dict] = {}
        self._hashes: dict[str, str] = {}
        self.loads: list[tuple[str, float]] = []  # kind of network and seconds of each: export, loading and parity

    @property
    def backbone(self) -> Backbone:
        if self._backbone is None:
            self._backbone = self.world.backbone(self._name)
            self._backbone.model.to(self.device)
        return self._backbone

    @property
    def denoiser(self) -> DenoiserNetwork:
        if self._denoiser is None:
            self._denoiser = self.world.denoiser()
        self._denoiser.model.to(self.device)
        return self._denoiser

    @property
    def grid(self) -> tuple[int, int]:
        """The denoiser's (H, W), on which noise is added."""
        return self.denoiser.size, self.denoiser.size

    def fingerprints(self) -> dict[str, str]:
        """Hashes of the weights: what a campaign may not mix. Made once: at the paper's size that takes six seconds."""
        if not self._hashes:
            self._hashes = {name: fingerprint(getattr(self, name).model)[:16] for name in ("backbone", "denoiser")}
        return self._hashes

    def weights(self) -> dict[str, str]:
        """What the weights are, in words."""
        return {name: str(getattr(self, name).weights) for name in ("backbone", "denoiser")}

    def network(self, kind: str, precision: str = "fp32", with_denoised: bool = True) -> Network:
        """`backbone`, `denoiser` or `classify_draws` (which gives the denoised pictures as well, for the explainer, unless told not to)."""
        if kind == "classify_draws" and not with_denoised:
            return networks.classify_draws(self.network("denoiser", precision), self.network("backbone", precision))
        if (kind, precision) not in self._networks:
            self._networks[kind, precision] = self._build(kind, precision)
        return self._networks[kind, precision]

    def _build(self, kind: str, precision: str) -> Network:
        if kind == "classify_draws":
            parts = self.network("denoiser", precision), self.network("backbone", precision)
            return networks.classify_draws(*parts, with_denoised=True)
        if precision == "int8":
            return replace(self.network(kind, "fp32"), precision="int8")  # the file is another, the module the same
        if precision != "fp32":
            return at_precision(self.network(kind, "fp32"), precision)
        return networks.backbone(self.backbone) if kind == "backbone" else networks.denoiser_step(self.denoiser)

    def load(self, engine: Engine, kind: str) -> LoadedSession:
        """The engine's session on that network; FvitError (the same one again) with the reason where it cannot be had or failed parity."""
        key = (engine, kind)
        if key not in self._loaded:
            start = now(self.device)
            try:
                self._loaded[key] = self._load(engine, kind)
            except FvitError as error:
                self._loaded[key] = error
            if engine != EAGER:
                self.loads.append((kind, now(self.device) - start))
        loaded = self._loaded[key]
        if isinstance(loaded, FvitError):
            raise loaded
        return loaded

    def session(self, engine: Engine, kind: str) -> Session:
        return self.load(engine, kind).session

    def adopt(self, engine: Engine, kind: str, folder: Path | None) -> None:
        """Loads a session that passed parity in another process: from the artifact in `folder`, None: it takes none."""
        self._loaded[engine, kind] = self._start(engine, kind, artifacts.read(folder) if folder else None)

    def forget(self, engine: Engine, kind: str) -> None:
        """Lets go of a session and of its network's copy in that precision, to have their memory back."""
        self._loaded.pop((engine, kind), None)
        if engine.precision not in ("fp32", "int8"):  # int8 shares fp32's module
            self._networks.pop((kind, engine.precision), None)

    def _load(self, engine: Engine, kind: str) -> LoadedSession:
        plugin = plugins.load(SESSIONS, engine.session)
        if why := plugin.available():
            raise SessionUnavailable(f"session {engine.session} cannot run here: {why}")
        if engine.precision not in plugin.PRECISIONS:
            raise SessionUnavailable(f"session {engine.session} has no {engine.precision}; it has {', '.join(plugin.PRECISIONS)}")
        if caveat := precisions.caveat(engine.precision, self.device):
            self.say(f"note: {caveat}")
        artifact = self.export(kind, _file(engine)) if plugin.TAKES == "artifact" else None
        started = self._start(engine, kind, artifact)
        return replace(started, parity=self._parity(engine, kind, started.session))

    def _start(self, engine: Engine, kind: str, artifact: Artifact | None) -> LoadedSession:
        """The session, not compared yet."""
        if artifact:
            source, name = artifact.at(engine.precision), f"{engine} {artifact.network}"
        else:
            source = self.network(kind, _file(engine))
            name = f"{engine} {source.name}"
        self.say(f"loading {name}")
        start = now(self.device)
        made = plugins.load(SESSIONS, engine.session).load(source, self.device)
        session = SplitBatch(made, name, made.facts, self.say)
        return LoadedSession(session, session.facts, None, artifact, now(self.device) - start)

    def _parity(self, engine: Engine, kind: str, session: Session) -> dict | None:
        """Worst differences from eager fp32 on the same inputs; ParityError where they are too large."""
        if engine == EAGER:
            return None
        reference, exact = self._remembered(kind), self.network(kind)
        self.say(f"parity of {engine} {exact.name}")
        inputs = calibration.held_out(self, kind) if engine.precision == "int8" else parity.cases(exact, self.world.parity_batches)
        checked = parity.check(exact, reference, session, engine.precision, inputs, self.device).asdict()
        return {name: value if value == value else None for name, value in checked.items()}  # NaN: the network gives no labels

    def _remembered(self, kind: str) -> Session:
        """Eager fp32, which answers what it was asked before from memory: every session and precision is compared on the same inputs."""
        eager, kept = self.session(EAGER, kind), self._answers.setdefault(kind, {})

        def answer(*inputs: torch.Tensor):
            key = hashlib.sha256(b"".join(x.cpu().numpy().tobytes() for x in inputs)).digest()
            if key not in kept:
                kept[key] = eager(*inputs)
            return kept[key]

        return answer

    def export(
        self,
        kind: str,
        precision: str,
        opset: int | None = None,
        keep: Sequence[str] | None = None,
        with_denoised: bool = True,
        told: Callable[[str], None] = lambda line: None,
    ) -> Artifact:
        """The network's file, made where the cache lacks it. `opset` is not for int8; `keep`: layers of an int8 file that stay float.

        `keep` None: those that a measurement names, which `told` hears of; none where the world measures no layers.
        """
        if precision != "int8":
            return to_onnx.export(self.network(kind, precision, with_denoised), opset)
        if keep is None:
            keep = quantize.AUTO if self.world.measures_layers else ()  # at the paper's size a layer takes a minute to measure
        return quantize.export(self.network(kind, "fp32", with_denoised), calibration.calibration(self, kind), keep, told)


def _file(engine: Engine) -> str:
    """The precision of the file that the engine computes from."""
    return getattr(plugins.load(SESSIONS, engine.session), "FILES", {}).get(engine.precision, engine.precision)


def unavailable() -> dict[str, str]:
    """The sessions that cannot run here, and why."""
    reasons = {name: plugins.load(SESSIONS, name).available() for name in plugins.names(SESSIONS)}
    return {name: why for name, why in reasons.items() if why}


def require_sessions(sessions: Sequence[str]) -> None:
    """Refuses sessions that were asked for by name and cannot run here."""
    for session, why in unavailable().items():
        if session in sessions:
            raise SessionUnavailable(f"session {session} cannot run here: {why}")


def device(asked: str | None = None) -> torch.device:
    """The device asked for, or CUDA where there is one; FvitError where it was asked for and there is none."""
    if asked == "cuda" and not torch.cuda.is_available():
        raise FvitError(f"the device cuda was asked for, but torch {torch.__version__} sees no GPU here; leave it out, or see fvit doctor")
    return torch.device(asked or ("cuda" if torch.cuda.is_available() else "cpu"))
