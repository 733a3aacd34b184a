"""The raw rows of a results folder, as one tidy table; or packed for git.

Every number and text of every row becomes a line: which row it is from, the
field's name, its place in a list, its value. docs/rows.md describes the rows.
--pack moves them into a compressed file, which every command reads as well.
Takes seconds.

Examples:
  fvit rows results/embedded-A --csv rows.csv
  fvit rows results/embedded-A --pack
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from runtime.errors import FvitError


def run(
    folder: Annotated[Path, Parameter(help="a results folder")],
    /,
    *,
    csv: Annotated[Path | None, Parameter(metavar="FILE", help="where the table is written")] = None,
    pack: Annotated[bool, Parameter(help="compress the rows, to commit them")] = False,
) -> int:
    """Says what rows there are, and writes or packs them."""
    from collections import Counter

    from rich.console import Console

    from bench.records.frames import tidy
    from bench.records.rows import Head
    from bench.records.store import Store

    console = Console()
    store = Store(folder, lambda line: console.print(line, highlight=False, soft_wrap=True))
    rows = store.read()
    if not rows:
        raise FvitError(f"no rows in {folder}; name a results folder, as in results/embedded-...")
    studies = {row.campaign: row.study for row in rows if isinstance(row, Head)}
    counts = Counter((studies.get(row.campaign, "?"), type(row).__name__.lower()) for row in rows)
    for (study, kind), count in sorted(counts.items()):
        console.print(f"{study}: {count} {kind}", highlight=False)
    if store.damaged:
        console.print(f"{len(store.damaged)} damaged line(s) left out", highlight=False)
    try:
        if csv is not None:
            tidy(folder).to_csv(csv, index=False)
            console.print(f"written: {csv}", highlight=False, soft_wrap=True)
        if pack:
            store.pack()
            console.print(f"packed: {folder}", highlight=False, soft_wrap=True)
    except OSError as error:
        raise FvitError(f"cannot write ({error.strerror}: {csv or folder}); choose another place") from error
    return 0
