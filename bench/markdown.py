"""Tables as Markdown."""

from collections.abc import Iterable, Sequence


def table(names: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A header and its lines, one cell between two bars."""
    rows = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    rows += ["| " + " | ".join(map(str, line)) + " |" for line in lines]
    return "\n".join(rows) + "\n"
