"""Two results folders, cell by cell: what is better, what is worse.

Tables, Table 3's seconds, frontier, latency and certificates are compared. A
number counts as changed where the two intervals do not overlap. The exit code
is 1 where at least one is worse. Takes seconds.

Examples:
  fvit compare results/before results/after
  fvit compare results/embedded-A results/embedded-B
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def run(
    first: Annotated[Path, Parameter(help="a results folder")],
    second: Annotated[Path, Parameter(help="another, held against it")],
    /,
) -> int:
    """Prints what changed and how much did not."""
    from rich.console import Console
    from rich.table import Table

    from bench.commands import _compare

    console = Console()
    found = _compare.compare(first, second)
    for line in found.settings:
        console.print(f"[yellow]made differently:[/yellow] {line}", highlight=False, soft_wrap=True)
    if found.changes:
        table = Table("page", "cell", "first", "second", "")
        for change in found.changes:
            table.add_row(change.page, change.place, *map(_shown, (change.first, change.second)), "better" if change.better else "worse")
        console.print(table)
    worse = sum(not change.better for change in found.changes)
    console.print(
        f"{len(found.changes) - worse} better, {worse} worse, {found.alike} within their intervals, {found.only} in one folder alone",
        highlight=False,
    )
    return 1 if worse else 0


def _shown(interval) -> str:
    return f"{interval.value:.4g} \\[{interval.low:.4g}, {interval.high:.4g}]"
