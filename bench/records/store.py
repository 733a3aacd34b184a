"""The rows of one results folder on disk: `rows.jsonl`, appended to by one process at a time, and `rows.jsonl.xz`, the part packed for git.

    {"crc": "1f0a2b3c", "row": {"kind": "timed", ...}}      crc: CRC-32 of the row's bytes

Every row is on disk before the next measurement begins: a kill loses at most the one in work. A line whose checksum does not match is set aside
in `rows.damaged` by the next process that writes, and what it held is measured again.
"""

import json
import lzma
import math
import os
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
from filelock import FileLock, Timeout

from bench.records.clock import stamp
from bench.records.machine import folder_name
from bench.records.rows import AnyRow, Row
from runtime.errors import FvitError
from runtime.files import replaced

ROWS, PACKED, DAMAGED, LOCK, OWNER = "rows.jsonl", "rows.jsonl.xz", "rows.damaged", ".lock", ".owner.json"
PROCESS = uuid.uuid4().hex[:8]  # rounds are compared within one process only


class Line(msgspec.Struct):
    """One line of the file."""

    crc: str
    row: msgspec.Raw


class Store:
    """The rows of `folder`. `say` hears what was repaired or taken over."""

    def __init__(self, folder: Path, say: Callable[[str], None] = lambda line: None):
        self.folder, self.say = folder, say
        self.path = folder / ROWS
        self.damaged: list[bytes] = []
        self._held = False

    @contextmanager
    def locked(self, wait: bool = False) -> Iterator[None]:
        """Keeps every other process from writing here; refuses in one line, or waits, where one does. Damaged lines are set aside first."""
        if self._held:
            yield
            return
        lock = FileLock(self.folder / LOCK)
        with self._written():
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                if not wait:
                    raise FvitError(f"{self.folder} is in use by {_owner(self.folder)}; wait for it, or choose another folder") from None
                self.say(f"waiting for {_owner(self.folder)}, which holds {self.folder}")
                lock.acquire()
        self._held = True
        try:
            with self._written():
                if (self.folder / OWNER).is_file():
                    self.say(f"{_owner(self.folder)} ended without letting go of {self.folder}; taken over")
                (self.folder / OWNER).write_text(json.dumps({"pid": os.getpid(), "since": stamp(), "command": _command()}))
                self._set_aside()
            yield
        finally:
            (self.folder / OWNER).unlink(missing_ok=True)
            self._held = False
            lock.release()

    def append(self, row: Row) -> Row:
        """Writes `row`, with this machine and process where it names none, and waits until it is on disk; only inside `locked`.

        Returns the row as it will be read: its numbers have float32's digits.
        """
        assert self._held, "rows are written inside `with store.locked()`"
        row = msgspec.structs.replace(row, machine=row.machine or folder_name(), process=row.process or PROCESS)
        content = msgspec.json.encode(plain(row))
        with self._written(), self.path.open("ab") as file:
            file.write(b'{"crc":"%08x","row":%s}\n' % (zlib.crc32(content), content))
            file.flush()
            os.fsync(file.fileno())
        return msgspec.json.decode(content, type=type(row))

    def read(self) -> list[AnyRow]:
        """All rows, oldest first. Lines that cannot be read are counted in `damaged` and left out."""
        found = [(line, _row(line)) for line in self._lines()]
        self.damaged = [line for line, row in found if row is None]
        return [row for _, row in found if row is not None]

    def pack(self) -> None:
        """Moves all rows into the compressed file, which is what gets committed."""
        with self.locked(), self._written():
            with replaced(self.folder / PACKED) as beside:
                beside.write_bytes(lzma.compress(b"".join(line + b"\n" for line in dict.fromkeys(self._lines())), preset=9))
            self.path.unlink(missing_ok=True)

    def _lines(self) -> list[bytes]:
        packed = self.folder / PACKED
        try:
            old = lzma.decompress(packed.read_bytes()).split(b"\n") if packed.exists() else []
            return [line for line in old if line.strip()] + _split(self.path)
        except (OSError, lzma.LZMAError) as error:
            raise FvitError(f"the rows in {self.folder} cannot be read ({error}); a file {ROWS} or {PACKED} is expected there") from error

    def _set_aside(self) -> None:
        """Moves damaged lines of the open file to `rows.damaged`."""
        lines = _split(self.path)
        bad = [line for line in lines if not _intact(line)]
        if not bad:
            if lines and not self.path.read_bytes().endswith(b"\n"):
                with self.path.open("ab") as file:  # so that the next row does not continue this line
                    file.write(b"\n")
            return
        with (self.folder / DAMAGED).open("ab") as file:
            file.writelines(line + b"\n" for line in bad)
        with replaced(self.path) as beside:
            beside.write_bytes(b"".join(line + b"\n" for line in lines if _intact(line)))
        self.say(f"{self.path}: {len(bad)} damaged line(s) moved to {DAMAGED}; what they held is measured again")

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FvitError(
                f"cannot write to {self.folder} ({error.strerror or error}); rows written before are kept; make room there, or choose another folder"
            ) from error


def plain(value: Any) -> Any:
    """`value` as JSON's own types, numbers with float32's digits; NaN and infinity are refused."""
    if isinstance(value, msgspec.Struct):
        return plain(msgspec.to_builtins(value, enc_hook=_plain))
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} in a row; a finite number or None is expected")
        return float(str(np.float32(value)))
    return value


def _plain(value: Any) -> Any:
    """Paths without their folders, NumPy's numbers, tuples."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise NotImplementedError(f"{type(value).__name__} in a row")


def _split(path: Path) -> list[bytes]:
    return [line for line in path.read_bytes().split(b"\n") if line.strip()] if path.exists() else []


def _intact(line: bytes) -> bool:
    """Whether a line is as it was written; it may still be of a kind that this version does not know."""
    try:
        found = msgspec.json.decode(line, type=Line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return found.crc == f"{zlib.crc32(bytes(found.row)):08x}"


def _row(line: bytes) -> AnyRow | None:
    """The row of a line, None where the line is damaged or of a kind that this version does not know."""
    if not _intact(line):
        return None
    try:
        return msgspec.json.decode(msgspec.json.decode(line, type=Line).row, type=AnyRow)
    except (msgspec.MsgspecError, RecursionError):
        return None


def _owner(folder: Path) -> str:
    try:
        facts = json.loads((folder / OWNER).read_text())
        return f"process {facts['pid']} ({facts['command']}, since {facts['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _command() -> str:
    """How this process was started, without folders."""
    words = psutil.Process().cmdline()
    return " ".join(Path(word).name if "/" in word else word for word in words[:8])
