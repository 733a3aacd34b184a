"""Arrays kept on disk by what made them; safe to delete, kept below a size."""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy import ndarray

from runtime.artifact import cache as artifacts
from runtime.errors import FvitError
from runtime.files import replaced

MOST = 3 * 2**30  # bytes; the oldest go first


def folder() -> Path:
    """Where they lie: $FVIT_ANSWERS, else `answers` next to the exported files."""
    return Path(os.environ.get("FVIT_ANSWERS") or artifacts() / "answers")


def recall(made_by: dict, make: Callable[[], dict[str, ndarray]], needs: Sequence[str] = ()) -> dict[str, ndarray]:
    """The arrays that `made_by` describes, made and kept if they, or those named in `needs`, are not there; a damaged file is made again."""
    path = folder() / f"{hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:24]}.npz"
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            kept = dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        kept = {}
    if kept and all(name in kept for name in needs):
        return kept
    found = kept | make()
    try:
        with replaced(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **found)  # type: ignore[arg-type]
    except OSError as error:
        raise FvitError(
            f"cannot keep answers in {folder()} ({error.strerror}); make room there, or set FVIT_ANSWERS to another folder"
        ) from error
    _make_room()
    return found


def _make_room() -> None:
    """Removes the oldest files; another process may do so at the same time, and has files of its own in the making (`.making-*`)."""
    ages = []
    for file in folder().glob("[!.]*.npz"):
        with suppress(FileNotFoundError):
            facts = file.stat()
            ages.append((facts.st_mtime, facts.st_size, file))
    total = sum(size for _, size, _ in ages)
    for _, size, file in sorted(ages):
        if total <= MOST:
            break
        total -= size
        file.unlink(missing_ok=True)
