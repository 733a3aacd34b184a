"""Shared by building and running a TensorRT engine: the version check, the logger, and an engine's name and facts.

TensorRT answers None or False and says why only to its logger, so every answer is checked and the logger's lines go into the error.
An engine runs on one GPU model with one TensorRT version: both are in its file name, with the hash of the network it was built from,
and again in a JSON file next to it, so that a copied or renamed engine is refused. An engine is code: load none that you did not build.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from runtime.artifact import Artifact, sha256
from runtime.errors import ArtifactError, FvitError, SessionUnavailable

OLDEST, TOO_NEW = (10, 13), (12, 0)
ENGINES = "engines"  # the folder inside the artifact's own
CURE = "build it on this machine"


class TensorrtError(FvitError):
    """TensorRT refused or failed; the message ends with what it logged."""


@dataclass(frozen=True)
class EngineMachine:
    """What an engine is bound to."""

    gpu: str
    capability: str
    tensorrt: str


def available() -> str | None:
    """Why no engine can be built or run here. Asks for a GPU first: without one TensorRT may die at the first use of its objects."""
    if not torch.cuda.is_available():
        return "PyTorch sees no CUDA GPU, and TensorRT needs one"
    try:
        import tensorrt as trt  # type: ignore
    except (ImportError, OSError) as error:
        return f"tensorrt cannot be imported ({error}); pip install 'fvit-bench[tensorrt]'"
    return unsuitable(trt.__version__)


def unsuitable(version: str) -> str | None:
    """Why this version of TensorRT will not do."""
    if OLDEST <= tuple(int(part) for part in version.split(".")[:2]) < TOO_NEW:
        return None
    return f"TensorRT {version} given, 10.13 to 11 is expected; pip install 'tensorrt>=10.13,<12'"


def machine(device: torch.device) -> EngineMachine:
    import tensorrt as trt  # type: ignore

    gpu = torch.cuda.get_device_properties(device)
    return EngineMachine(gpu.name, f"{gpu.major}.{gpu.minor}", trt.__version__)


def engine_path(artifact: Artifact, here: EngineMachine) -> Path:
    """Where the engine of `artifact` for this machine lies, or will lie."""
    gpu = re.sub(r"[^A-Za-z0-9]+", "-", here.gpu).strip("-")
    name = f"{gpu}-sm{here.capability.replace('.', '')}-trt{here.tensorrt}-{digest(artifact)[:12]}.plan"
    return artifact.folder / ENGINES / name


def digest(artifact: Artifact) -> str:
    """One hash of all files of the artifact, from the manifest."""
    lines = [f"{name} {facts['sha256']}\n" for name, facts in sorted(artifact.files.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def engine_facts(plan: Path, artifact: Artifact, here: EngineMachine) -> dict:
    """The facts in the JSON file next to `plan`; refuses an engine that is missing, damaged, or of another GPU, TensorRT or network."""
    if not plan.is_file():
        others = ", ".join(sorted(other.name for other in plan.parent.glob("*.plan"))) or "nothing"
        wanted = f"TensorRT {here.tensorrt} on {here.gpu}"
        raise SessionUnavailable(f"no engine of {artifact.folder.name} for {wanted} ({plan.parent} holds {others}); {CURE}", needs="engine")
    beside = plan.with_suffix(".json")
    try:
        facts = dict(json.loads(beside.read_text()))
    except (OSError, ValueError, TypeError):
        raise ArtifactError(
            f"{beside} is missing or damaged, so nothing says what {plan.name} was built from; {CURE}", needs="engine"
        ) from None
    for name, wanted in (asdict(here) | {"network": digest(artifact)}).items():
        if facts.get(name) != wanted:
            raise ArtifactError(f"{plan} is stale: its {name} is {facts.get(name)}, {wanted} is expected; {CURE}", needs="engine")
    if facts.get("sha256") != sha256(plan):
        raise ArtifactError(f"{plan} was altered or half written: its hash is not the one in {beside.name}; {CURE}", needs="engine")
    return facts


def logger():
    """A TensorRT logger that keeps the ERROR lines in `.errors`; one for each builder or runtime, kept as long as it."""
    import tensorrt as trt  # type: ignore

    class Logger(trt.ILogger):
        def __init__(self):
            super().__init__()
            self.errors = []

        def log(self, severity, msg):
            if severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR):
                self.errors.append(msg)

    return Logger()


def create(kind, log):
    """`kind(log)`, a Builder or Runtime: a failed start is pybind's TypeError, or error lines and an object that must not be touched."""
    try:
        built = kind(log)
    except TypeError as error:
        raise failure(f"start its {kind.__name__}", [str(error), *log.errors]) from error
    if log.errors:
        raise failure(f"start its {kind.__name__}", log.errors)
    return built


def require(answer, what: str, log):
    """`answer`, unless it is TensorRT's None or False: then an error with what TensorRT logged."""
    if answer is None or answer is False:
        raise failure(what, log.errors)
    return answer


def failure(what: str, lines: list[str]) -> TensorrtError:
    """The error for `what` TensorRT could not do, in one line."""
    return TensorrtError(f"TensorRT could not {what}: {'; '.join(' '.join(line.split()) for line in lines) or 'it gave no reason'}")
