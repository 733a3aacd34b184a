"""Whether trials are whole, from rows alone.

Before a trial's first part a campaign writes how many pictures the trial asks for and how many its data has (`Asked`), so its parts are known
wherever its rows are read. Rows of campaigns before that say nothing of the data's size: as many pictures as asked for are wanted of them.
"""

from collections.abc import Sequence

from bench.records.rows import Answered, AnyRow, Asked, Failed
from bench.trials.trial import Trial, maps_key, parts


class Coverage:
    """What one campaign's rows have of each trial; a trial's rows count where its maps are among those that they were measured with."""

    def __init__(self, rows: Sequence[AnyRow]):
        self._asked: dict[str, list[Asked]] = {}
        self._pictures: dict[tuple[str, str], set[int | str]] = {}
        self._failed: set[tuple[str, str]] = set()
        for row in rows:
            if isinstance(row, Asked):
                self._asked.setdefault(_place(row)[0], []).append(row)
            elif isinstance(row, Answered):
                self._pictures.setdefault(_place(row), set()).update(row.numbers, (name for name, _ in row.left_out))
            elif isinstance(row, Failed):
                self._failed.add(_place(row))

    def whole(self, trial: Trial) -> bool:
        """Whether all its pictures were answered, or left out for a reason."""
        pictures = set[int | str]().union(*(self._pictures.get(place, ()) for place in self._places(trial)))
        sizes = [row.size for row in self._asked.get(trial.key, ())]
        return bool(pictures) and len(pictures) >= min([trial.images, *sizes])

    def ended(self, trial: Trial) -> bool:
        """Whether it is whole, or failed: then the rest of its pictures is not asked."""
        return self.whole(trial) or not self._failed.isdisjoint({*self._places(trial), (trial.key, "none")})

    def _places(self, trial: Trial) -> set[tuple[str, str]]:
        if (asked := self._asked.get(trial.key)) is None:
            return {place for place in (*self._pictures, *self._failed) if place[0] == trial.key}
        return {(trial.key, maps_key(row.maps)) for row in asked if {*row.maps} >= {*trial.maps}}


def lacking(rows: Sequence[AnyRow], asked: Sequence[Asked], shard: tuple[int, int]) -> tuple[int, int]:
    """How many parts of `asked` a shard's rows lack, and how many it should have: every k-th of each trial, from the i-th on.

    A shard may have no part of a small trial; of a trial that failed in it the other parts are not asked.
    """
    (first, every), have = shard, {row.key for row in rows if isinstance(row, Answered)}
    failed = {_place(row) for row in rows if isinstance(row, Failed)}
    wanted: dict[str, bool] = {}
    for row in asked:
        trial, maps = _place(row)
        ended = not failed.isdisjoint({(trial, maps), (trial, "none")})
        for part in parts(min(row.images, row.size), row.chunk)[first - 1 :: every]:
            key = f"{trial}/{part.start}-{part.stop}/{maps}"
            wanted[key] = ended or key in have
    return sum(not there for there in wanted.values()), len(wanted)


def _place(row: Answered | Asked | Failed) -> tuple[str, str]:
    """The key of the row's trial, and of its maps."""
    trial, _, rest = row.key.partition("/")
    return trial, rest.rpartition("/")[2]
