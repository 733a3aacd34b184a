"""The paper's printed cells, as CSV files beside the tables: one row a cell, in the paper's own names and units."""

import functools
import math
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from runtime.errors import FvitError

FOLDER = Path(__file__).parent.parent / "tables" / "published"
LAST = ("value", "unit", "note")  # columns after those that name the cell
UNITS = {"percent": 0.01, "fraction": 1.0, "score": 1.0}  # what one of it is in ours


class Printed(NamedTuple):
    """A printed cell in our units (shares, not percent); `note`: what is in doubt about its reading."""

    value: float
    note: str


def read(table: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """The published cells of `table`, indexed by the first of `columns`; another header is refused."""
    path = FOLDER / f"table{table}.csv"
    frame = pd.read_csv(path)
    if tuple(frame.columns) != columns:
        raise FvitError(f"{path.name} has the columns {', '.join(frame.columns)}; {', '.join(columns)} are expected")
    return frame.set_index(columns[0])


@functools.cache
def cells(table: str) -> dict[tuple[str, ...], Printed]:
    """The printed cells of `table` by the paper's names; without those where the paper prints a dash. {} for a table that is not the paper's."""
    path = FOLDER / f"table{table}.csv"
    if not path.is_file():
        return {}
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    if tuple(frame.columns[-3:]) != LAST or len(frame.columns) < 4:
        raise FvitError(f"{path.name} has the columns {', '.join(frame.columns)}; a cell's names and then {', '.join(LAST)} are expected")
    found: dict[tuple[str, ...], Printed] = {}
    for line, cell in enumerate(frame.to_numpy(dtype=str).tolist(), start=2):
        *names, value, unit, note = cell
        if tuple(names) in found:
            raise FvitError(f"{path.name}, line {line}: two cells {', '.join(names)}; keep one")
        if unit not in UNITS:
            raise FvitError(f"{path.name}, line {line}: the unit {unit!r} given; one of {', '.join(UNITS)} is expected")
        if value:
            found[tuple(names)] = Printed(_number(value, path, line) * UNITS[unit], note)
    return found


def _number(text: str, path: Path, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FvitError(
            f"{path.name}, line {line}: the value {text!r} given; a number is expected, or an empty field where the paper prints a dash"
        )
    return value
