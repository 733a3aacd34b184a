"""Files that are complete or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STALE = 3600.0  # seconds: a process that was killed left the file, no other one is still writing it


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A path next to `path` to write to; it takes the place of `path` once the block ends without an error, else `path` stays as it was.

    The data is on the disk before the name changes. What a killed process left behind is removed. OSError where the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".making-{os.getpid()}-{path.name}")
    try:
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        newest = temporary.stat().st_mtime
        temporary.replace(path)
        for other in path.parent.glob(f".making-*-{path.name}"):
            with suppress(FileNotFoundError):  # its own process has just renamed it
                if newest - other.stat().st_mtime > STALE:
                    other.unlink()
    finally:
        temporary.unlink(missing_ok=True)
