"""The classes of rows: what one measurement writes down, raw. Radii, intervals and tests are computed from rows by the pages.

A row is one line of JSON (`bench.records.store`); `docs/rows.md` is made from these classes (`bench.records.schema`). Numbers are what was
measured, picture by picture and round by round, with float32's digits; there is no NaN and no infinity. Units: seconds, bytes, pixels in [0, 1].
"""

from typing import Any

from bench.records.row import Failed, Head, Machine, Row
from bench.records.row import Missing as Missing
from bench.records.row import Why as Why
from bench.records.timings import Clocked as Clocked
from bench.records.timings import ColdStart as ColdStart
from bench.records.timings import Costed as Costed
from bench.records.timings import Growth as Growth
from bench.records.timings import Loaded as Loaded
from bench.records.timings import Paired as Paired
from bench.records.timings import Priced as Priced
from bench.records.timings import Rehearsed as Rehearsed
from bench.records.timings import Served as Served
from bench.records.timings import Speed as Speed
from bench.records.timings import Threads as Threads
from bench.records.timings import Timed as Timed


class Asked(Row, frozen=True, kw_only=True, tag="asked"):
    """What a trial is asked, written before its first part: rows alone then say which of its parts are missing.

    `images`: pictures asked for; `size`: pictures that its data has; `chunk`: pictures in a part; `maps`: explainer and metric of its rows.
    """

    images: int
    size: int
    chunk: int
    maps: list[tuple[str, str]] = []


class Answered(Row, frozen=True, kw_only=True, tag="answered"):
    """A trial on some pictures (`bench.trials`). All lists have one entry per picture.

    `votes`: draws by label, where there are draws. `scores`: explainer -> metric -> the metric's numbers. `sigma`: the noise really added.
    `stages`: which stage of AutoAttack fooled the picture ("": none); `blind`: its gradient was zero. `left_out`: name and reason.
    """

    trial: dict[str, Any]
    numbers: list[int]
    labels: list[int]
    answers: list[int]
    votes: list[list[int]] | None = None
    scores: dict[str, dict[str, list[list[float]]]] = {}
    sigma: float | None = None
    stages: list[str] | None = None
    blind: list[bool] | None = None
    left_out: list[tuple[str, str]] = []
    seconds: float = 0.0


class Gained(Row, frozen=True, kw_only=True, tag="gained"):
    """PSNR in dB that one-shot denoising gains on each picture at noise `sigma`."""

    sigma: float
    decibels: list[float]


class Certified(Row, frozen=True, kw_only=True, tag="certified"):
    """One picture's draws: `selection` and `votes` by label; of the mean map `mean` and mean `squares`, `hits` of each cell in the top quarter.

    `exceeded`: of each level of the capped mean and each cell, the draws above it; `above`: the same of the median's levels, of maps that are
    not capped; `chosen`: draws in which the cell was among the k largest; `covered`: the share of the cell that the object covers. `answer`:
    what adaptive draws concluded (None: fixed draws, or not certain). `empty`: draws whose map had no relevance.
    """

    picture: int
    label: int
    selection: list[int]
    votes: list[int]
    draws: int
    mean: list[float]
    squares: list[float]
    hits: list[int]
    empty: int
    answer: bool | None = None
    seconds: float = 0.0
    exceeded: list[list[int]] = []
    above: list[list[int]] = []
    chosen: list[int] = []
    covered: list[float] = []


class Beyond(Row, frozen=True, kw_only=True, tag="beyond"):
    """A picture attacked in an l2 ball of `reach` = `factor` times a `radius`: votes and mean map of fresh draws afterwards.

    `radius`: printed (Algorithm 2's), sound (label and map), label (the label's), given. `target` of the attack: label or map. `label`: the one
    that the draws named before. `distance`: how far the attack went. `mean`, `squares`, `empty` as of Certified.
    """

    picture: int
    radius: str
    target: str
    factor: float
    reach: float
    distance: float
    label: int
    votes: list[int]
    mean: list[float]
    squares: list[float]
    empty: int
    seconds: float = 0.0


class Replayed(Row, frozen=True, kw_only=True, tag="replayed"):
    """Votes of one picture by label: of the `selection` draws, and summed up to each look."""

    picture: int
    selection: list[int]
    votes: list[list[int]]


KINDS: tuple[type[Row], ...] = (
    Head, Machine, Failed, Asked, Answered, Costed, Gained, Loaded, Timed, ColdStart, Certified, Beyond, Replayed, Priced, Paired, Growth,
    Threads, Served, Speed, Rehearsed, Clocked,
)  # fmt: skip
AnyRow = (
    Head | Machine | Failed | Asked | Answered | Costed | Gained | Loaded | Timed | ColdStart | Certified | Beyond | Replayed | Priced | Paired
    | Growth | Threads | Served | Speed | Rehearsed | Clocked
)  # fmt: skip
