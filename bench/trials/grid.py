"""Tables whose cells are trials: which trials they need, and from rows to values beside the paper's.

A table is a list of `Cell`s made from `Settings`. Measuring writes rows of trials; a page is made from rows alone. Plots, sentences and
comparisons read the fields of a cell, never the text that people read.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench.pages import published
from bench.pages.published import Printed
from bench.records.campaign import head_of, latest
from bench.records.rows import Answered, AnyRow, Costed, Failed, Missing, Why
from bench.records.stats import Interval
from bench.trials import cost
from bench.trials.metric import find
from bench.trials.settings import Settings
from bench.trials.tally import ACCURACY, ONE_DRAW, Tally, by_trial, tally
from bench.trials.trial import Trial, merged
from bench.trials.whole import Coverage
from runtime import plugins

STUDY, PART = "trials", "trials-shard"
METHODS = {
    "raw attention": "raw_attention",
    "rollout": "rollout",
    "GradCAM": "gradcam",
    "LRP": "lrp:dtype=float64",
    "VTA": "vta",
    "random": "random",
}
ADAPTIVE = 50  # pictures at most under an attack through the defence
FEWER = f"at most {ADAPTIVE} pictures: an attack through the defence costs a hundred times more"
TITLES = {ACCURACY: "accuracy", ONE_DRAW: "accuracy"} | cost.TITLES


@dataclass(frozen=True)
class Cell:
    """`metric`: accuracy, one_draw, seconds or joules (`bench.trials.cost`), or a metric of `explainer`'s maps. No `trial`: `missing` says why
    there is no number.

    Where it stands: `row`, `column`, and `group` of columns. What it is: `family` (the backbone or attack whose methods are compared),
    `method`, `radius` of the attack (pixels), `norm`, whether the attack is `adaptive`. `note` stands below the table. `printed`: the cell's
    names in the paper, as in `bench/tables/published`; () where the paper has none. `table`: whose cell it is, on a page of several.
    `numbers`: of one draw of noise, 3 H W of the denoiser's grid, where radii of several norms are compared.
    """

    row: str
    column: str
    metric: str
    trial: Trial | None
    explainer: str = ""
    missing: Missing | None = None
    note: str = ""
    printed: tuple[str, ...] = ()
    group: str = ""
    table: str = ""
    family: str = ""
    method: str = ""
    radius: float | None = None
    norm: str = ""
    adaptive: bool = False
    numbers: int = 0

    @property
    def place(self) -> tuple[str, str]:
        """Row and whole column."""
        return self.row, f"{self.group} {self.column}".strip()

    def without(self, why: Why, reason: str) -> "Cell":
        """The same place without a number."""
        return replace(self, trial=None, missing=Missing(why, reason), note="")


@dataclass(frozen=True)
class Value:
    """A cell with what was measured, and what the paper prints. `fewer`: fewer pictures than asked for."""

    cell: Cell
    value: Interval | Missing
    printed: Printed | None = None
    n: int = 0
    fewer: bool = False
    tally: Tally | None = None

    @property
    def number(self) -> Interval | None:
        return self.value if isinstance(self.value, Interval) else None

    @property
    def paper(self) -> float | None:
        return None if self.printed is None else self.printed.value

    @property
    def failed(self) -> bool:
        return isinstance(self.value, Missing) and self.value.why in (Why.FAILED, Why.NOT_MEASURED)

    def facts(self) -> dict:
        """For programs: one flat record."""
        cell, found = self.cell, self.number
        names = ("group", "row", "column", "metric", "explainer", "family", "method", "norm", "adaptive")
        return {name: getattr(cell, name) for name in names} | {
            "radius_255": None if cell.radius is None else 255 * cell.radius, "paper": self.paper,
            "ours": found and found.value, "low": found and found.low, "high": found and found.high,
            "difference": None if found is None or self.paper is None else found.value - self.paper,
            "n": self.n, "real_sigma_255": None if self.tally is None or self.tally.sigma is None else 255 * self.tally.sigma,
            "key": cell.trial.key if cell.trial else "", "why": "" if isinstance(self.value, Interval) else self.value.why,
            "reason": self.value.reason if isinstance(self.value, Missing) else cell.note,
        }  # fmt: skip


@dataclass(frozen=True)
class Grid:
    """A table of trials. `about`: what its head says besides the settings. `says`: its answer in a sentence, None where cells are missing.

    `plot`: its PNG; `sections`: Markdown that stands before the cells. `unread`: why no printed cell stands beside ours.
    """

    name: str
    title: str
    about: str
    cells: Callable[[Settings], list[Cell]]
    says: Callable[[Sequence[Value]], str | None] = lambda values: None
    plot: Callable[[Sequence[Value]], bytes] | None = None
    sections: Callable[[Sequence[Value]], list[str]] = lambda values: []
    unread: str = ""

    @property
    def heading(self) -> str:
        return f"Table {self.name}: {self.title}" if self.name.isdigit() else self.title

    def trials(self, settings: Settings) -> list[Trial]:
        """What has to be measured, each trial once, with the maps of all its cells."""
        wanted = []
        for cell in self.cells(settings):
            if cell.trial is not None and cell.metric not in cost.TITLES:
                maps = ((cell.explainer, "" if cell.metric in TITLES else cell.metric),) if cell.explainer else ()
                wanted.append(replace(cell.trial, maps=(*cell.trial.maps, *maps)))
        return merged(wanted)

    def costs(self, settings: Settings) -> list[cost.Question]:
        """What has to be timed: trial and explainer, each once."""
        cells = [cell for cell in self.cells(settings) if cell.metric in cost.TITLES]
        return list(dict.fromkeys((cell.trial, cell.explainer) for cell in cells if cell.trial is not None))

    def complete(self, rows: Sequence[AnyRow]) -> bool:
        """Whether one campaign's rows have all pictures of all its trials, and all it times; what failed counts, its reason stands in its cells."""
        coverage, settings, keys = Coverage(rows), Settings.read(head_of(rows).settings), {row.key for row in rows}
        timed = all(cost.key(question) in keys for question in self.costs(settings))
        return timed and all(map(coverage.ended, self.trials(settings)))

    def latest(self, rows: Sequence[AnyRow]) -> list[AnyRow]:
        """The newest campaign that has this table whole, else the newest: a later run of another table, or one cut, must not hide it."""
        return latest(rows, STUDY, self.complete)

    def values(self, rows: Sequence[AnyRow]) -> list[Value]:
        """Every cell with its number, or why there is none, from one campaign's rows."""
        settings = Settings.read(head_of(rows).settings)
        trials = by_trial(row for row in rows if isinstance(row, Answered))
        tallies = {key: tally(own) for key, own in trials.items()}
        failed = {row.key.partition("/")[0]: row for row in rows if isinstance(row, Failed)}
        printed = {} if settings.rehearsal else published.cells(self.name)
        costs = {row.key: row for row in rows if isinstance(row, Costed | Failed)}
        return [
            _cost(cell, costs) if cell.metric in cost.TITLES else _value(cell, tallies, failed, printed.get(cell.printed), settings)
            for cell in self.cells(settings)
        ]


def _cost(cell: Cell, rows: dict[str, Costed | Failed]) -> Value:
    if cell.trial is None:
        assert cell.missing is not None
        return Value(cell, cell.missing)
    row = rows.get(cost.key((cell.trial, cell.explainer)))
    if isinstance(row, Costed):
        return Value(cell, cost.value(row, cell.metric), n=len(row.seconds))
    return Value(cell, row.missing if row else Missing(Why.NOT_MEASURED, "measure it: the table's own command"))


def _value(cell: Cell, tallies: dict[str, Tally | None], failed: dict[str, Failed], paper: Printed | None, settings: Settings) -> Value:
    if cell.trial is None:
        assert cell.missing is not None
        return Value(cell, cell.missing, paper)
    key = cell.trial.key
    if key in failed and not tallies.get(key):
        return Value(cell, failed[key].missing, paper)
    if key not in tallies:
        return Value(cell, Missing(Why.NOT_MEASURED, "measure it: the table's own command"), paper)
    own = tallies[key]
    if own is None:
        return Value(cell, Missing(Why.FAILED, "no picture can be used: all were left out"), paper)
    interval = own.interval(cell.metric, cell.explainer)
    if (cell.explainer, cell.metric) in own.partial:
        reason = f"some of the {own.n} pictures have no {title(cell.metric)} yet; the same command goes on"
        return Value(cell, Missing(Why.NOT_MEASURED, reason), paper, own.n, tally=own)
    if interval is None or math.isinf(interval.value):
        reason = f"no picture has a {title(cell.metric)}" if interval is None else "infinite: every map equals what it is compared with"
        return Value(cell, Missing(Why.NOT_DEFINED, reason), paper, own.n, tally=own)
    return Value(cell, interval, paper, own.n, own.n != settings.n, own)


def title(metric: str) -> str:
    """How a column of it is headed."""
    return TITLES[metric] if metric in TITLES else find(metric).shown


def higher_is_better(metric: str) -> bool:
    return metric not in cost.TITLES and (metric in TITLES or find(metric).higher_is_better)


def methods(settings: Settings) -> dict[str, str]:
    """The explainers that tables compare, by shown name: those asked for, else the paper's, random, and plugins that name themselves (SHOWN)."""
    if settings.explainers:
        named = {spec: name for name, spec in METHODS.items()}
        return {named.get(spec, spec): spec for spec in settings.explainers}
    others = {
        name: plugins.load("runtime.explainers", name) for name in plugins.names("runtime.explainers") if name not in METHODS.values()
    }
    return METHODS | {plugin.SHOWN: name for name, plugin in others.items() if hasattr(plugin, "SHOWN")}


def at(values: Sequence[Value], **fields: object) -> Value | None:
    """The measured value whose cell has these fields."""
    return next(
        (one for one in values if one.number is not None and all(getattr(one.cell, name) == want for name, want in fields.items())), None
    )
