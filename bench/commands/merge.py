"""Join the parts of tables that were measured apart to one run.

The parts come from fvit table with --shard I/K; joined they are what one run
would have measured, to the last bit. Writes every table that is whole then.
Takes seconds.

Examples:
  fvit merge results/shard1/paper-A results/shard2/paper-A --into results/whole
  fvit merge results/shard*/paper-* --into results/whole
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from runtime.errors import FvitError


def run(
    first: Annotated[Path, Parameter(name="RUN", help="results folders that hold the parts")],
    /,
    *runs: Annotated[Path, Parameter(name="RUNS", show=False)],
    into: Annotated[Path | None, Parameter(metavar="DIR", help="results folder of the whole", show_default="the first RUN")] = None,
) -> int:
    """Joins them and writes every table that they hold whole; 1 if a part of it failed."""
    from rich.console import Console

    from bench.commands._table import show
    from bench.records.campaign import select
    from bench.records.store import PACKED, ROWS, Store
    from bench.trials.page import tables
    from bench.trials.shards import merge

    console, parts = Console(), [first, *runs]
    if missing := [str(folder) for folder in parts if not any((folder / name).is_file() for name in (ROWS, PACKED))]:
        raise FvitError(f"no {ROWS} in {', '.join(missing)}; name the results folders that hold the shards")
    store = Store(into or first, lambda line: console.print(line, highlight=False))
    name = merge(parts, store)
    rows = select(store.read(), name)
    complete = [grid for grid in tables().values() if grid.complete(rows)]
    console.print(f"{len(rows)} rows joined in {store.folder}", highlight=False, soft_wrap=True)
    return 1 if show(complete, store, console, name) else 0
