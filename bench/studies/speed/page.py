"""What the speed benchmarks say, from their rows."""

import json
from collections.abc import Sequence

from bench.pages.page import number
from bench.records.rows import AnyRow, Speed
from bench.records.stats import Interval, median, ratio

STUDY = "speed"


def render(rows: Sequence[AnyRow]) -> str:
    """One line per benchmark, as Markdown."""
    return "## Speed of the runtime itself\n\n" + "".join(f"- {_line(row)}\n" for row in rows if isinstance(row, Speed))


def _line(row: Speed) -> str:
    paired = bool(row.numerator)
    found = ratio(row.numerator, row.denominator) if paired else median(row.values)
    count = f"; {len(row.numerator)} pairs" if paired else f"; {len(row.values)} times" if len(row.values) > 1 else ""
    facts = f"; {json.dumps(row.facts)}" if row.facts else ""
    return f"{row.name}: {_interval(found, row.unit)} ({row.aim}{count}{facts})"


def _interval(interval: Interval, unit: str) -> str:
    value, low, high = (_value(x, unit) for x in interval)
    return value if low == high else f"{value} [{low}, {high}]"


def _value(value: float, unit: str) -> str:
    """A ratio has no unit."""
    if unit == "share":
        return f"{value:.1%}"
    return f"{number(value)} {unit}" if unit else f"{value:.2f}"
