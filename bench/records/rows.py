"""Raw rows on disk, and what made them.

A row is one line of JSON, flushed to the disk before the next measurement starts: a kill loses at most the one in work. A campaign is
everything one command measured at one commit with one setting; started again, the command goes on with its campaign.
"""

import json
import os
import uuid
from collections.abc import Callable, Hashable
from pathlib import Path

from runtime.errors import FvitError, SessionUnavailable
from runtime.provenance import commit

PROCESS = uuid.uuid4().hex[:8]  # rounds are compared within one process only


class Rows:
    """The rows of one results folder: `rows.jsonl`, appended only."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.path = folder / "rows.jsonl"
        self.dropped = 0

    def append(self, row: dict) -> None:
        """Writes `row` with the process and time of writing, and waits until it is on the disk."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._end_cut_line()
            with self.path.open("a") as file:
                file.write(json.dumps(row | {"process": PROCESS}) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise FvitError(
                f"cannot write {self.path} ({error.strerror}); rows written before are kept; choose --results elsewhere"
            ) from error

    def read(self) -> list[dict]:
        """All rows; a last line that was cut in the middle is left out and counted in `dropped`."""
        if not self.path.exists():
            return []
        lines = self.path.read_text().splitlines()
        rows = []
        for number, line in enumerate(lines, 1):
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                if number != len(lines) and not line.endswith(CUT):
                    raise FvitError(f"{self.path}:{number} is damaged; move the file away or mend the line") from None
                self.dropped += 1
        return rows

    def _end_cut_line(self) -> None:
        if self.path.exists() and self.path.stat().st_size:
            with self.path.open("rb+") as file:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(f"{CUT}\n".encode())


CUT = " <- cut"
COMMANDS = {"looks": "table all", "looks-part": "table all --shard 1/2"}  # what measures them, where it is named otherwise


def campaign(rows: list[dict], settings: dict) -> str:
    """The campaign that `settings` at this commit belong to: the one begun before, else a new one."""
    for row in reversed(rows):
        if row["kind"] == "campaign" and row["settings"] == settings and row["environment"]["commit"] == commit():
            return row["campaign"]
    return new()


def new() -> str:
    """A campaign's name."""
    return uuid.uuid4().hex[:12]


def latest(rows: list[dict], table: int | str, whole: Callable[[list[dict]], bool] = lambda rows: True) -> list[dict]:
    """The rows of the last campaign begun for `table`, a number or "world"; of the last that is `whole`, if one is."""
    heads = [row for row in rows if row["kind"] == "campaign" and row["settings"].get("table") == table]
    if not heads:
        command = f"table {table}" if isinstance(table, int) else COMMANDS.get(table, table.replace("-", " --"))
        raise FvitError(f"no rows of {command} here; measure first: fvit {command}")
    campaigns = [[row for row in rows if row.get("campaign") == head["campaign"]] for head in reversed(heads)]
    return next(filter(whole, campaigns), campaigns[0])


def last_of_each(rows: list[dict], what: Callable[[dict], Hashable]) -> list[dict]:
    """Of rows that measured the same thing the last one: what failed and was tried again is told once."""
    return list({what(row): row for row in rows}.values())


def failed(row: dict) -> bool:
    """No number although there could have been one: any reason but that the session cannot do it here. It is tried again."""
    return "reason" in row and row["word"] != SessionUnavailable.__name__
