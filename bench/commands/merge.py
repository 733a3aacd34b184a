"""`fvit merge`: shards measured apart, joined to one run; then `fvit table N --from-rows` and `fvit report` make its pages."""

import argparse

from rich.console import Console

from bench.commands import _tables as report
from bench.options import GRIDS
from bench.records.rows import Rows
from bench.trials import shards as merging
from bench.trials.campaign import NOT_HERE
from runtime import plugins
from runtime.errors import FvitError


def run(options: argparse.Namespace) -> int:
    """Joins them and writes every table that they hold whole; 1 if a look failed."""
    console = Console()
    if missing := [str(folder) for folder in options.runs if not (folder / "rows.jsonl").is_file()]:
        raise FvitError(f"no rows.jsonl in {', '.join(missing)}; name the results folders that hold the shards")
    folder = options.into or options.runs[0]
    name = merging.merge(options.runs, folder)
    rows = [row for row in Rows(folder).read() if row["campaign"] == name]
    made = [grid for grid in (plugins.load("bench.tables", f"table{number}").TABLE for number in GRIDS) if grid.held(rows)]
    for grid in made:
        report.write(grid, folder, name)
    told = ", ".join(f"table{grid.number}.md" for grid in made)
    console.print(f"{len(rows) - 1} looks joined; written: {told} in {folder}", highlight=False, soft_wrap=True)
    failed = [row["error"] for row in rows if "error" in row and row.get("word") != NOT_HERE]
    if failed:
        console.print(f"[red]{len(failed)} looks failed:[/red] {failed[0]}", highlight=False)
    return 1 if failed else 0
