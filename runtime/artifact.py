"""An exported file and its manifest; one that is damaged, stale or of another network is refused, with the reason.

One artifact is one folder: `model.onnx` (and `model.onnx.data` where the weights are stored separately) next to `manifest.json`.
"""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from runtime.errors import ArtifactError
from runtime.files import making, tidy
from runtime.network import TensorSpec, Weights

FORMAT = 2  # raised when an older exporter's files can no longer be used
MODEL, MANIFEST = "model.onnx", "manifest.json"


@dataclass(frozen=True)
class Artifact:
    """What the manifest says: which network, from which weights, how exported, what goes in and out, the hash and size of each file."""

    folder: Path
    network: str
    precision: str
    opset: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    weights: Weights
    fingerprint: str
    files: dict[str, dict]  # name -> {"sha256": ..., "bytes": ...}
    versions: dict[str, str]
    commit: str
    quantized: dict = field(default_factory=dict)  # int8: the calibration and the layers that stayed float

    @property
    def model(self) -> Path:
        return self.folder / MODEL

    @property
    def size(self) -> int:
        """Bytes on disk, weights included."""
        return sum(file["bytes"] for file in self.files.values())

    def at(self, precision: str) -> "Artifact":
        """The same file for a session that computes it in `precision`."""
        return replace(self, precision=precision)


def cache() -> Path:
    """Where exported files live: $FVIT_CACHE, else fvit-bench in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("FVIT_CACHE") or Path(home) / "fvit-bench").expanduser().absolute()


def read(folder: str | Path, network: str | None = None, fingerprint: str | None = None) -> Artifact:
    """The artifact in `folder`, every file's size and hash checked; `network` and `fingerprint` refuse another network or other weights."""
    folder = Path(folder)
    try:
        facts = json.loads((folder / MANIFEST).read_text())
    except FileNotFoundError:
        raise ArtifactError(f"no artifact in {folder}: {MANIFEST} is missing; export the network", needs="artifact") from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ArtifactError(f"{folder / MANIFEST} is damaged; delete {folder} and export again") from None
    if facts.get("format") != FORMAT:
        raise ArtifactError(
            f"{folder} was made by an incompatible version (format {facts.get('format')}, {FORMAT} is expected); delete it and export again"
        )
    missing = {f.name for f in fields(Artifact) if f.default_factory is MISSING} - {"folder"} - facts.keys()
    if missing:
        raise ArtifactError(f"{folder / MANIFEST} lacks {', '.join(sorted(missing))}; delete {folder} and export again")
    artifact = _from_facts(folder, facts)
    if network is not None and artifact.network != network:
        raise ArtifactError(f"{folder} holds the network {artifact.network}, {network} is expected; export that one")
    if fingerprint is not None and artifact.fingerprint != fingerprint:
        raise ArtifactError(
            f"{folder} is stale: it holds other weights ({artifact.weights}) than the network asked for; delete the folder and export again"
        )
    _verify(artifact)
    return artifact


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """A temporary folder next to `folder` to write into; it becomes `folder` if the block ends without an error, else it is deleted.

    If `folder` exists by then, another process has made the same file and may be reading it: that one stays. What processes that were
    killed have left there is deleted.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(mkdtemp(prefix=making(), dir=folder.parent))
        tidy(temporary)
    except OSError as error:
        raise ArtifactError(f"cannot write to {folder.parent} ({error.strerror}); set FVIT_CACHE to a folder with room") from error
    try:
        yield temporary
        _move(temporary, folder)
    except OSError as error:
        raise ArtifactError(
            f"could not write {folder} ({error.strerror}); free some space or set FVIT_CACHE to a folder with room"
        ) from error
    finally:
        rmtree(temporary, ignore_errors=True)


def _move(temporary: Path, folder: Path) -> None:
    try:
        temporary.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def write_manifest(artifact: Artifact, folder: Path) -> None:
    """Writes `artifact`'s facts into `folder`, with the sizes and hashes of the files that lie there."""
    facts = {key: value for key, value in asdict(artifact).items() if key != "folder"} | {"format": FORMAT, "files": describe(folder)}
    (folder / MANIFEST).write_text(json.dumps(facts, indent=1))


def describe(folder: Path) -> dict[str, dict]:
    """Name -> size and SHA-256 of each file in `folder`, the manifest left out."""
    return {
        file.name: {"sha256": sha256(file), "bytes": file.stat().st_size}
        for file in sorted(folder.iterdir())
        if file.is_file() and file.name != MANIFEST
    }


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _from_facts(folder: Path, facts: dict) -> Artifact:
    def specs(rows: list[dict]) -> tuple[TensorSpec, ...]:
        return tuple(TensorSpec(**{**row, "shape": tuple(row["shape"])}) for row in rows)

    kept = {f.name: facts[f.name] for f in fields(Artifact) if f.name in facts and f.name not in ("folder", "inputs", "outputs", "weights")}
    return Artifact(
        folder=folder, inputs=specs(facts["inputs"]), outputs=specs(facts["outputs"]), weights=Weights(**facts["weights"]), **kept
    )


def _verify(artifact: Artifact) -> None:
    for name, facts in artifact.files.items():
        file = artifact.folder / name
        if not file.is_file():
            raise ArtifactError(f"{file} is missing; delete {artifact.folder} and export again")
        if file.stat().st_size != facts["bytes"]:
            raise ArtifactError(
                f"{file} is truncated: {file.stat().st_size} bytes, {facts['bytes']} are expected; delete the folder and export again"
            )
        if sha256(file) != facts["sha256"]:
            raise ArtifactError(f"{file} was altered: its hash is not the one in {MANIFEST}; delete the folder and export again")
