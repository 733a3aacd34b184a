"""Sessions of a world's networks: exported, loaded, and compared with eager fp32 before they are handed out."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from bench.records.clock import now
from bench.worlds import calibration
from bench.worlds.world import World
from export import networks, parity, quantize, to_onnx
from runtime import plugins
from runtime.artifact import Artifact
from runtime.errors import FvitError, SessionUnavailable
from runtime.network import Network, at_precision
from runtime.protocols import Session
from runtime.sessions import precision as ability
from runtime.sessions.split import Fitting

SESSIONS = "runtime.sessions"


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


def unavailable() -> dict[str, str]:
    """The sessions that cannot run here, and why."""
    found = {name: plugins.load(SESSIONS, name).available() for name in plugins.names(SESSIONS)}
    return {name: why for name, why in found.items() if why}


def usable(sessions: Sequence[str]) -> None:
    """Refuses sessions that were asked for by name and cannot run here."""
    for session, why in unavailable().items():
        if session in sessions:
            raise SessionUnavailable(f"session {session} cannot run here: {why}")


def chosen(asked: str | None) -> torch.device:
    """The device asked for, or CUDA where there is one; FvitError where it was asked for and there is none."""
    if asked == "cuda" and not torch.cuda.is_available():
        raise FvitError(f"--device cuda came, but torch {torch.__version__} sees no GPU here; leave it out or see fvit doctor")
    return torch.device(asked or ("cuda" if torch.cuda.is_available() else "cpu"))
