"""Two sets of numbers of the same places: what got better or worse beyond its interval."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.records.stats import Interval


@dataclass(frozen=True)
class Number:
    """A number with its interval, and which way is better."""

    interval: Interval
    higher_is_better: bool = True


@dataclass(frozen=True)
class Change:
    """One place of a page whose intervals do not overlap. `better`: in the second folder."""

    page: str
    place: str
    first: Interval
    second: Interval
    better: bool


@dataclass
class Comparison:
    """`alike`: places whose intervals overlap; `only`: places that one folder alone has; `settings`: where they were made differently."""

    changes: list[Change] = field(default_factory=list)
    alike: int = 0
    only: int = 0
    settings: list[str] = field(default_factory=list)

    def add(self, page: str, first: Mapping[str, Number], second: Mapping[str, Number]) -> None:
        """The numbers of one page in both folders, by place."""
        self.only += len(first.keys() ^ second.keys())
        for place in (place for place in first if place in second):
            a, b = first[place].interval, second[place].interval
            if a.low <= b.high and b.low <= a.high:
                self.alike += 1
            else:
                self.changes.append(Change(page, place, a, b, (b.value > a.value) == first[place].higher_is_better))
