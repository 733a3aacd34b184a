"""A table written as Markdown, CSV and PNG into its results folder, from rows alone; shown in a terminal or piped."""

import json
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markdown import Markdown

from bench.protocols import Rendered, Table
from bench.records import rows as records
from bench.records.rows import Rows
from bench.studies.draws.page import seconds_against_sigma
from bench.trials.grid import Grid
from bench.trials.page import against_radius
from runtime.errors import FvitError

PLOTS = {3: seconds_against_sigma, 6: against_radius, 8: against_radius, 10: against_radius}


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
        if plot := PLOTS.get(table.number):
            plot(rendered.cells, stem.with_suffix(".png"))
    except OSError as error:
        raise FvitError(
            f"cannot write the table to {folder} ({error.strerror}); its rows are kept; mend it, then use --from-rows"
        ) from error
    return rendered


def show(rendered: Rendered, console: Console) -> None:
    """Prints the summary in a terminal, the whole table as Markdown into a pipe or file."""
    if console.is_terminal:
        console.print(Markdown(rendered.summary))
    else:
        print(rendered.markdown)


def _flat(cell: dict) -> dict:
    stages = {f"{name}_seconds": value for name, value in cell.get("stages", {}).items()}
    return {key: value for key, value in cell.items() if key != "stages"} | stages
