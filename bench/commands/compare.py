"""`fvit compare RUN RUN`: two results folders, cell by cell; exit code 1 where the second is worse beyond the intervals."""

import argparse

from rich.console import Console
from rich.table import Table

from bench.options import GRIDS
from bench.trials import compare


def run(options: argparse.Namespace) -> int:
    """Prints what changed and how much did not."""
    console = Console()
    found = compare.compare(options.first, options.second, GRIDS)
    for line in found.settings:
        console.print(f"[yellow]made differently:[/yellow] {line}", highlight=False, soft_wrap=True)
    if found.changes:
        table = Table("table", "cell", "first", "second", "")
        for change in found.changes:
            table.add_row(
                str(change.table), change.place, _told(change.first), _told(change.second), "better" if change.better else "worse"
            )
        console.print(table)
    worse = sum(not change.better for change in found.changes)
    console.print(
        f"{len(found.changes) - worse} cells better, {worse} worse, {found.alike} within their intervals, {found.only} in one run alone",
        highlight=False,
    )
    return 1 if worse else 0


def _told(cell: dict) -> str:
    return f"{cell['ours']:.3f} \\[{cell['low']:.2f}, {cell['high']:.2f}]"
