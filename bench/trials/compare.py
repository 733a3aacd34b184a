"""Two runs of the tables of looks, cell by cell: what got better or worse beyond its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.records.rows import Rows
from runtime import plugins

LOWER = ("positive_auc",)  # metrics of which less is better


@dataclass(frozen=True)
class Change:
    """One cell whose intervals do not overlap. `better`: in the second run."""

    table: int
    place: str
    first: dict
    second: dict
    better: bool


@dataclass(frozen=True)
class Compared:
    """`alike`: cells whose intervals overlap; `only`: cells that one of the runs alone has; `settings`: where the runs were made differently."""

    changes: list[Change]
    alike: int
    only: int
    settings: list[str]


def compare(first: Path, second: Path, numbers: Sequence[str]) -> Compared:
    """The last campaigns of looks in two results folders, in the tables `numbers`."""
    runs = [Rows(folder).read() for folder in (first, second)]
    changes, alike, only, differ = [], 0, 0, []
    for number in numbers:
        table = plugins.load("bench.tables", f"table{number}").TABLE
        rows = [table.latest(found) for found in runs]
        differ += _settings(rows)
        places = [{(c["group"], c["row"], c["column"]): c for c in table.render(found).cells if c["ours"] is not None} for found in rows]
        only += len(places[0].keys() ^ places[1].keys())
        for place in (place for place in places[0] if place in places[1]):
            a, b = (cells[place] for cells in places)
            if a["low"] <= b["high"] and b["low"] <= a["high"]:
                alike += 1
                continue
            rose = b["ours"] > a["ours"]
            changes.append(Change(int(number), ", ".join(filter(None, place)), a, b, rose != (a["metric"] in LOWER)))
    return Compared(changes, alike, only, list(dict.fromkeys(differ)))


def _settings(rows: list[list[dict]]) -> list[str]:
    one, other = (next(row for row in found if row["kind"] == "campaign")["settings"] for found in rows)
    return [
        f"{name}: {one.get(name)} and {other.get(name)}" for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)
    ]
