"""The paper's printed cells, as CSV files beside the tables."""

from pathlib import Path

import pandas as pd

from runtime.errors import FvitError

FOLDER = Path(__file__).parent.parent / "tables" / "published"


def read(table: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """The published cells of `table`, indexed by the first of `columns`; another header is refused."""
    path = FOLDER / f"table{table}.csv"
    frame = pd.read_csv(path)
    if tuple(frame.columns) != columns:
        raise FvitError(f"{path.name} has the columns {', '.join(frame.columns)}; {', '.join(columns)} are wanted")
    return frame.set_index(columns[0])


def cells(table: str) -> dict[tuple[str, str], float]:
    """The printed cells of `table` by our row and column, as far as they are there."""
    if not (FOLDER / f"table{table}.csv").is_file():
        return {}
    frame = read(table, ("row", "column", "value")).reset_index()
    return {(row, column): float(value) for row, column, value in frame.itertuples(index=False) if value == value}
