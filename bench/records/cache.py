"""Arrays kept on disk by what made them; safe to delete, kept below a size."""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray

from runtime.artifact import cache as artifacts
from runtime.errors import FvitError

MOST = 3 * 2**30  # bytes; the oldest go first


def cache() -> Path:
    """$FVIT_LOOKS, else beside the exported files."""
    return Path(os.environ.get("FVIT_LOOKS") or artifacts())


def recall(made_by: dict, make: Callable[[], dict[str, ndarray]], needs: Sequence[str] = ()) -> dict[str, ndarray]:
    """The arrays that `made_by` describes, made and kept if they, or those named in `needs`, are not there; a damaged file is made again."""
    folder = cache() / "looks"
    path = folder / f"{hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:24]}.npz"
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            kept = dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        kept = {}
    if kept and all(name in kept for name in needs):
        return kept
    found = kept | make()
    try:
        _keep(path, found)
    except OSError as error:
        raise FvitError(
            f"cannot keep looks in {folder} ({error.strerror}); make room there, or set FVIT_LOOKS to another folder"
        ) from error
    _make_room()
    return found


def _keep(path: Path, found: dict[str, ndarray]) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            np.savez(file, **found)  # type: ignore[arg-type]
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _make_room() -> None:
    files = sorted((cache() / "looks").glob("*.npz"), key=lambda file: file.stat().st_mtime)
    total = sum(file.stat().st_size for file in files)
    while files and total > MOST:
        total -= files[0].stat().st_size
        files.pop(0).unlink(missing_ok=True)
