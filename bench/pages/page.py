"""What every page is made of: tables as Markdown, and the files that a page is written to."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markdown import Markdown

from runtime.errors import FvitError


def table(names: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A header and its lines, one cell between two bars."""
    rows = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    rows += ["| " + " | ".join(map(str, line)) + " |" for line in lines]
    return "\n".join(rows) + "\n"


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
