"""A table written as Markdown, CSV and PNG into its results folder, from rows alone."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markdown import Markdown

from bench import plots, records
from bench.protocols import Rendered, Table
from bench.records import Rows
from bench.tables._grid import Grid
from runtime.errors import FvitError


def write(table: Table | Grid, folder: Path, campaign: str | None = None) -> Rendered:
    """table<N>.md, .csv, .png where it has a plot, and environment.json in `folder`, of `campaign` or the last one in its rows."""
    found = Rows(folder).read()
    if campaign is not None:
        rows = [row for row in found if row["campaign"] == campaign]
    else:
        rows = table.latest(found) if isinstance(table, Grid) else records.latest(found, table.rows)
    rendered = table.render(rows)
    stem = folder / f"table{table.number}"
    try:
        stem.with_suffix(".md").write_text(rendered.markdown)
        pd.DataFrame([_flat(cell) for cell in rendered.cells]).to_csv(stem.with_suffix(".csv"), index=False)
        (folder / "environment.json").write_text(json.dumps(rows[0]["environment"], indent=1) + "\n")
        if str(table.number) in plots.DRAW:
            plots.draw(table.number, rendered.cells, stem.with_suffix(".png"))
    except OSError as error:
        raise FvitError(
            f"cannot write the table to {folder} ({error.strerror}); its rows are kept; mend it, then use --from-rows"
        ) from error
    return rendered


def publish(
    folder: Path, name: str, page: str, cells: pd.DataFrame, console: Console, draw: Callable[[Path], None] = lambda path: None
) -> None:
    """Writes <name>.md, .csv and what `draw` draws at <name>.png into `folder`; prints the page and where it lies."""
    try:
        (folder / f"{name}.md").write_text(page)
        cells.to_csv(folder / f"{name}.csv", index=False)
        draw(folder / f"{name}.png")
    except OSError as error:
        raise FvitError(f"cannot write to {folder} ({error.strerror}); its rows are kept; mend it, then use --from-rows") from error
    console.print(Markdown(page)) if console.is_terminal else print(page)
    console.print(f"written: {folder}: {name}.*, rows.jsonl", highlight=False, soft_wrap=True)


def show(rendered: Rendered, console: Console) -> None:
    """Prints the summary in a terminal, the whole table as Markdown into a pipe or file."""
    if console.is_terminal:
        console.print(Markdown(rendered.summary))
    else:
        print(rendered.markdown)


def _flat(cell: dict) -> dict:
    stages = {f"{name}_seconds": value for name, value in cell.get("stages", {}).items()}
    return {key: value for key, value in cell.items() if key != "stages"} | stages
