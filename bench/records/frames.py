"""Rows as pandas frames."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from bench.records.rows import Head, Row
from bench.records.store import Store

SHARED = ("kind", "campaign", "study", "commit", "machine", "key")


def load(folder: str | Path) -> dict[str, pd.DataFrame]:
    """A frame for each kind of row in a results folder, one line per row, nested facts as `outer.inner` columns."""
    rows = Store(Path(folder)).read()
    kinds: dict[str, list[dict]] = {}
    for row in rows:
        facts = msgspec.to_builtins(row)
        kinds.setdefault(facts["kind"], []).append(facts)
    return {kind: pd.json_normalize(facts, max_level=1) for kind, facts in kinds.items()}


def tidy(folder: str | Path) -> pd.DataFrame:
    """Every number and text of every row as a line of its own: which row, the field's path, its place in a list, its value."""
    rows = Store(Path(folder)).read()
    heads = {row.campaign: row for row in rows if isinstance(row, Head)}
    return pd.DataFrame(
        [line for row in rows for line in _lines(row, heads.get(row.campaign))], columns=[*SHARED, "field", "place", "value"]
    )


def _lines(row: Row, head: Head | None) -> Iterator[tuple]:
    facts = msgspec.to_builtins(row)
    study, commit = (head.study, head.commit) if head else ("", "")
    shared = (facts.pop("kind"), facts.pop("campaign"), study, commit, facts.pop("machine"), facts.pop("key"))
    for path, place, value in _leaves(facts, "", ()):
        yield (*shared, path, ".".join(map(str, place)), value)


def _leaves(value: Any, path: str, place: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...], Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name), place)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, path, (*place, number))
    elif value is not None:
        yield path, place, value
