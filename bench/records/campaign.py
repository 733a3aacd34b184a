"""A campaign: everything that one command measures at one commit with one setting. Started again, the command goes on with it.

    with Campaign(store, Plan("frontier", settings, head), console) as campaign:
        for point in campaign.each(points, key=lambda point: point.key, told=str):
            campaign.measure(point.key, lambda: price(point))

It knows what is done, tries again what failed for a reason that may pass, shows the progress, and stops in time where a time was set.
"""

import math
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.records import machine
from bench.records.clock import now
from bench.records.rows import AnyRow, Failed, Head, Machine, Missing, Row, Why
from bench.records.store import Store, plain
from export.parity import ParityError
from runtime.errors import FvitError, SessionUnavailable
from runtime.provenance import commit

T = TypeVar("T")
R = TypeVar("R", bound=Row)
COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TextColumn("left"),
    TimeRemainingColumn(),
)
REDRAWN = 1.0  # times per second: the bar is drawn by a thread beside calls that are being timed


class NotHere(FvitError):
    """Raised when a measurement needs a file that the user did not pass; its row says so and the exit code stays 0."""


@dataclass(frozen=True)
class Plan:
    """What a campaign is: `settings` may not change within it. `head`: what else its first row says, asked for only when it is new.

    `ceilings`: the machine's operations per second by precision and its bandwidth, asked for once per machine.
    """

    study: str
    settings: dict[str, Any]
    head: Callable[[], dict[str, Any]] = dict
    ceilings: Callable[[], dict[str, Any]] = dict


@dataclass(frozen=True)
class How:
    """How campaigns are run: `fresh` begins new ones, `seconds` is the time after which they stop, `wait` for another process that writes here.

    `shard` (i, k): this process measures the i-th of k parts. `until`: the end of `seconds` on `now`'s clock, set once: the campaigns of one
    command share one `How`, and so one deadline.
    """

    fresh: bool = False
    seconds: float | None = None
    wait: bool = False
    shard: tuple[int, int] | None = None
    until: float = math.nan

    def __post_init__(self) -> None:
        if math.isnan(self.until):
            object.__setattr__(self, "until", math.inf if self.seconds is None else now() + self.seconds)


@dataclass
class Campaign:
    """Holds the store while the `with` lasts. Outside of it only `rows` may be asked for."""

    store: Store
    plan: Plan
    console: Console
    how: How = field(default_factory=How)
    name: str = ""
    cut: int = 0  # measurements left when the time was over
    _rows: list[AnyRow] = field(default_factory=list)
    _bar: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> "Campaign":
        self._lock = self.store.locked(self.how.wait)
        self._lock.__enter__()
        try:
            self._begin()
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        self._lock.__exit__(*error)

    def _begin(self) -> None:
        """The campaign of these settings at this commit, its first rows written where they are not there."""
        rows, settings = self.store.read(), plain(self.plan.settings)
        heads = [] if self.how.fresh else [row for row in rows if isinstance(row, Head)]
        same = [head for head in heads if (head.study, head.commit, head.settings) == (self.plan.study, commit(), settings)]
        self.name = same[-1].campaign if same else uuid.uuid4().hex[:12]
        self._rows = [row for row in rows if row.campaign == self.name]
        if not same:
            self.write(Head(campaign=self.name, key="head", study=self.plan.study, commit=commit(), settings=settings, **self.plan.head()))
        here = machine.folder_name()
        if not any(isinstance(row, Machine) and row.machine == here for row in self._rows):
            self.write(Machine(campaign=self.name, key=here, environment=machine.environment(), **self.plan.ceilings()))

    @property
    def rows(self) -> list[AnyRow]:
        """The campaign's rows so far, of each key the last one, in the order in which keys first came."""
        return last_of_each(self._rows)

    def of(self, kind: type[R]) -> list[R]:
        """The campaign's rows of one class."""
        return [row for row in self.rows if isinstance(row, kind)]

    def write(self, row: Row) -> None:
        """One row, on disk when this returns."""
        self._rows.append(self.store.append(row))  # type: ignore[arg-type]

    def done(self, key: str) -> bool:
        """Whether `key` has a number, or a reason that will not pass."""
        last = next((row for row in reversed(self._rows) if row.key == key), None)
        return last is not None and not (isinstance(last, Failed) and last.again)

    def measure(self, key: str, make: Callable[[], Row | None], subject: dict[str, Any] | None = None) -> Row | None:
        """Writes the row that `make` gives; where it fails the reason, with `subject`: what it was about."""
        try:
            row = make()
        except FvitError as error:
            row = Failed(campaign=self.name, key=key, missing=reason(error), again=passes(error), subject=subject or {})
        if row is not None:
            self.write(row)
        return row

    def each(
        self, items: Sequence[T], key: Callable[[T], str], told: Callable[[T], str] = str, size: Callable[[T], int] = lambda item: 1
    ) -> Iterator[T]:
        """The items that are not done, with a progress bar; stops before the next one when the time is over."""
        todo = [item for item in items if not self.done(key(item))]
        with Progress(*COLUMNS, console=self.console, transient=True, refresh_per_second=REDRAWN) as progress:
            bar = progress.add_task("", total=sum(map(size, todo)))
            self._bar, before = (progress, bar), 0
            for number, item in enumerate(todo):
                if now() > self.how.until:
                    self.cut += len(todo) - number
                    self.console.print(f"time is over: {len(todo) - number} of {len(todo)} left; the same command goes on", highlight=False)
                    break
                progress.update(bar, description=told(item))
                yield item
                before += size(item)
                progress.update(bar, completed=before)
            self._bar = None

    def tell(self, text: str) -> None:
        """Another text beside the bar, while an item is measured."""
        if self._bar is not None:
            self._bar[0].update(self._bar[1], description=text)


def reason(error: FvitError) -> Missing:
    """What a row says in place of a number."""
    return Missing(Why.NOT_HERE if isinstance(error, NotHere | SessionUnavailable) else Why.FAILED, str(error))


def passes(error: FvitError) -> bool:
    """Whether the same command may succeed later: not where a file or session is not to be had here, or an export computes something else."""
    return not isinstance(error, NotHere | SessionUnavailable | ParityError)


def latest(rows: Sequence[AnyRow], study: str, complete: Callable[[Sequence[AnyRow]], bool] = lambda rows: True) -> list[AnyRow]:
    """The newest campaign of `study`; the newest `complete` one, if one is: a later run of a part must not hide the whole."""
    heads = [row for row in rows if isinstance(row, Head) and row.study == study]
    if not heads:
        raise FvitError(f"no rows of the study {study!r} here; measure it first")
    campaigns = [select(rows, head.campaign) for head in reversed(heads)]
    return next(filter(complete, campaigns), campaigns[0])


def select(rows: Sequence[AnyRow], campaign: str) -> list[AnyRow]:
    """The rows of one campaign, of each key the last: what failed and was tried again is told once."""
    return last_of_each([row for row in rows if row.campaign == campaign])


def last_of_each(rows: Sequence[AnyRow]) -> list[AnyRow]:
    return list({(isinstance(row, Machine), row.key): row for row in rows}.values())


def head_of(rows: Sequence[AnyRow]) -> Head:
    """The first row of a campaign."""
    return next(row for row in rows if isinstance(row, Head))


def machines_of(rows: Sequence[AnyRow]) -> list[Machine]:
    """The machines that measured these rows, the first one first."""
    return [row for row in rows if isinstance(row, Machine)]
