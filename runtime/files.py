"""Files that are complete or not there."""

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree

import psutil

MAKING, A_DAY = ".making-", 86400.0  # seconds


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A path next to `path` to write to; it takes the place of `path` once the block ends without an error, else `path` stays as it was.

    The data is on the disk before the name changes. What killed processes left behind is removed. OSError where the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{making()}{path.name}")
    try:
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        tidy(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def making() -> str:
    """How the names of this process's unfinished files and folders begin."""
    return f"{MAKING}{os.getpid()}@{platform.node()}-"


def tidy(unfinished: Path) -> None:
    """Removes unfinished files and folders next to this one whose process was killed.

    Of this machine's that is a process that is gone; other machines may share the folder: what they left goes after a day.
    """
    newest = unfinished.stat().st_mtime
    for other in unfinished.parent.glob(f"{MAKING}*"):
        owner = re.match(rf"{re.escape(MAKING)}(\d+)@{re.escape(platform.node())}-", other.name)
        with suppress(FileNotFoundError, PermissionError):  # its own process has just renamed it, or it is another user's
            if not psutil.pid_exists(int(owner[1])) if owner else newest - other.stat().st_mtime > A_DAY:
                rmtree(other, ignore_errors=True) if other.is_dir() else other.unlink()
