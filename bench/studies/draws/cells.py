"""Table 3's cells, from raw rows: measured, computed, or the reason why there is no number."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median as middle
from typing import Any

from bench.records.campaign import machines_of
from bench.records.rows import AnyRow, Failed, Loaded, Missing, Timed, Why
from bench.records.stats import Interval, median
from bench.studies.draws.run import CHAIN, ONE_SHOT, DrawSubject, Run

ORDER = (ONE_SHOT, CHAIN)
NO_SOURCE = "; no measured one-shot call to compute it from"


@dataclass(frozen=True)
class TimedCell:
    """Seconds per draw: measured (with an `interval`), computed (without one), or `missing` alone. `sigma`: the real noise, in pixels.

    `stages`: medians of the seconds per draw. `share`: of the ceiling of this machine, denoiser calls and classifier counted.
    """

    run: Run
    t: int
    sigma: float
    calls: int
    seconds: float | None = None
    interval: Interval | None = None
    missing: Missing | None = None
    rounds: int = 0
    stages: Mapping[str, float] | None = None
    batch: int | None = None
    peak_bytes: int | None = None
    share: float | None = None

    @property
    def measured(self) -> bool:
        return self.interval is not None

    @property
    def engine(self) -> tuple[str, str]:
        return self.run.session, self.run.precision

    def facts(self) -> dict[str, Any]:
        """For the CSV file; noise of 255, seconds per draw."""
        run, interval = self.run, self.interval
        return {
            "session": run.session, "precision": run.precision, "graph": run.graph, "denoise": run.denoise, "rule": run.rule,
            "sigma": run.of_255, "draws": run.draws, "t": self.t, "real_sigma_255": 255 * self.sigma, "calls": self.calls,
            "rounds": self.rounds, "why": self.missing.why.value if self.missing else "measured",
            "reason": self.missing.reason if self.missing else "", "seconds": self.seconds, "low": interval and interval.low,
            "high": interval and interval.high, "batch": self.batch, "peak_bytes": self.peak_bytes, "roofline_share": self.share,
        } | {f"{name}_seconds": value for name, value in (self.stages or {}).items()}  # fmt: skip


def subject(row: Failed) -> DrawSubject:
    """What a failed row is about."""
    return DrawSubject(**row.subject)


def timed_cells(rows: Sequence[AnyRow]) -> list[TimedCell]:
    """One record per cell, in the order of the page."""
    timed: dict[str, list[Timed]] = defaultdict(list)
    failed: dict[str, Failed] = {}
    for row in rows:
        key = row.key.partition("/")[0]
        if isinstance(row, Timed):
            timed[key].append(row)
        elif isinstance(row, Failed) and subject(row).what == "round":
            failed[key] = row
    limits = _Limits.of(rows)
    cells = [_measured(own, limits) for own in timed.values()] + [_missing(row) for key, row in failed.items() if key not in timed]
    cells = [compute(cell, cells) if cell.missing and cell.missing.why == Why.COMPUTED else cell for cell in cells]
    return sorted(cells, key=lambda c: (ORDER.index(c.run.denoise), c.run.rule, *c.engine, c.run.graph, c.run.sigma))


def compute(cell: TimedCell, cells: Sequence[TimedCell]) -> TimedCell:
    """calls x seconds of a one-shot call + the rest of that draw, from a measured one-shot cell of the same session and precision."""
    same = (c for c in cells if c.engine == cell.engine and c.run.graph == cell.run.graph and c.run.denoise == ONE_SHOT)
    source = next((c for c in same if c.calls == 1 and c.measured), None)
    if source is None or source.seconds is None or source.stages is None:
        reason = cell.missing.reason if cell.missing else ""
        return replace(cell, seconds=None, interval=None, missing=Missing(Why.NOT_MEASURED, reason + NO_SOURCE))
    call = source.stages["denoise"]
    return replace(cell, seconds=cell.calls * call + source.seconds - call, interval=None)


@dataclass(frozen=True)
class _Limits:
    """Operations per second that each machine does at most, and operations of one call of each kind of network."""

    ceilings: Mapping[tuple[str, str], float]
    flops: Mapping[str, int]

    @classmethod
    def of(cls, rows: Sequence[AnyRow]) -> "_Limits":
        ceilings = {(row.machine, precision): value for row in machines_of(rows) for precision, value in row.ceilings.items()}
        return cls(ceilings, {row.network_kind: row.flops for row in rows if isinstance(row, Loaded)})

    def share(self, row: Timed, run: Run) -> float | None:
        """Of the ceiling: operations of all draws' denoiser calls and classifier; the map's are not counted."""
        ceiling = self.ceilings.get((row.machine, run.precision))
        if ceiling is None or not {"denoiser", "backbone"} <= self.flops.keys():
            return None
        return run.total * (row.calls * self.flops["denoiser"] + self.flops["backbone"]) / ceiling / row.seconds


def _measured(rows: Sequence[Timed], limits: _Limits) -> TimedCell:
    first, run = rows[0], Run(**rows[0].run)
    interval = median([row.seconds / run.total for row in rows])
    stages = {name: middle(row.stages[name] / run.total for row in rows) for name in first.stages}
    shares = [share for row in rows if (share := limits.share(row, run)) is not None]
    return TimedCell(
        run, first.t, first.sigma, first.calls, interval.value, interval, None, len(rows), stages, first.batch,
        max(row.peak_bytes for row in rows), middle(shares) if shares else None,
    )  # fmt: skip


def _missing(row: Failed) -> TimedCell:
    about = subject(row)
    return TimedCell(Run(**(about.run or {})), about.t, about.sigma, about.calls, missing=row.missing)
