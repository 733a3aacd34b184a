"""The page of `fvit latency`, from rows alone."""

from collections.abc import Sequence
from statistics import mean

from bench.pages.compare import Number
from bench.pages.page import NONE, Page, heading, missing, section, share, table
from bench.records.campaign import head_of, machines_of
from bench.records.rows import AnyRow, Failed, Served
from bench.records.stats import Interval, wilson
from bench.studies.latency.case import Case, Checked

PERCENTILES = ("p50", "p90", "p99")
NAMES = (
    "scenario",
    "answer",
    "session",
    "draws",
    "merged",
    *(f"{name} ms" for name in PERCENTILES),
    "pictures/s",
    "verdict",
    "right",
    "peak MB",
    "cold start s",
)
READING = """- A query is one test picture of the embedded world with all its draws. `map`: the label and VTA's mean map, in eager fp32;
  another answer is the label and that explainer's map. One graph denoises and classifies, {largest} draws per call at most.
- `single-stream`: the next query when the last is answered. `server`: queries come at random (Poisson) at the rate offered; VALID: the 99th
  percentile is within its target. `offline`: all at once; a latency has no meaning there.
- `merged`: requests answered together, at most and (in brackets) on average. Only requests that wait already are merged.
- `right`: share of the pictures served whose answer is their label, with its 95 % interval. `peak MB`: peak memory of the process, and (in
  brackets) how much more it holds at the end of the run than at its start.
- The verdict is MLPerf LoadGen's on this run. These are not MLPerf results: no closed division, no submission, runs of a minute.
"""


def render(rows: Sequence[AnyRow]) -> Page:
    head = head_of(rows)
    checked = Checked(**head.facts)
    runs = [row for row in rows if isinstance(row, Served | Failed)]
    parity = f"cosine with eager fp32 {checked.cosine:.6f}" if checked.cosine is not None else "the reference of every parity"
    offers = list(dict.fromkeys(_offer(row) for row in runs if isinstance(row, Served) and row.offered_per_second is not None))
    reasons = [f"- {row.key}: {why}" for row in runs if (why := row.why if isinstance(row, Served) else row.missing.reason)]
    parts = [
        heading("Deployment latency", head, machines_of(rows), f"{checked.engine}, {parity}", *offers),
        table(NAMES, [_line(row) for row in runs]),
        *(["\n".join(reasons) + "\n"] if reasons else []),
        section("How to read it", READING.format(largest=checked.largest)),
    ]
    numbers = {f"{row.key}, right": Number(right(row)) for row in runs if isinstance(row, Served)}
    return Page("\n".join(parts), [_cell(row) for row in runs], numbers=numbers)


def right(row: Served) -> Interval:
    """Share of the pictures served whose answer is their label."""
    return wilson(sum(row.labels[int(number)] == label for number, label in row.answers.items()), len(row.answers))


def _offer(row: Served) -> str:
    case = Case(**row.case)
    target = "" if row.target_p99 is None else f", p99 within {row.target_p99:.0f} ms wanted"
    return f"server, {case.answer}, {case.draws} draws: offered {row.offered_per_second:.3g} pictures per second{target}"


def _line(row: Served | Failed) -> tuple:
    case = Case(**(row.case if isinstance(row, Served) else row.subject))
    shared = (case.scenario, case.answer, f"{case.session} {case.precision}", case.draws)
    if isinstance(row, Failed):
        return (*shared, case.merge, *[NONE] * 4, missing(row.missing), *[NONE] * 3)
    grown = (row.resident_end - row.resident_begin) / 1e6
    return (
        *shared, f"{case.merge} ({mean(row.merged):.1f})",
        *(f"{row.percentiles[name]:.1f}" if name in row.percentiles else NONE for name in PERCENTILES),
        NONE if row.pictures_per_second is None else f"{row.pictures_per_second:.2f}", row.verdict, share(right(row)),
        f"{row.peak_bytes / 1e6:.0f} ({grown:+.0f})", f"{row.cold_start_seconds:.1f}",
    )  # fmt: skip


def _cell(row: Served | Failed) -> dict:
    """One record per run."""
    if isinstance(row, Failed):
        return row.subject | {"reason": row.missing.reason}
    record = row.case | row.percentiles | dict(zip(("right", "right_low", "right_high"), right(row), strict=True))
    record |= {"pictures": len(row.answers), "merged": mean(row.merged), "why": row.why}
    names = ("pictures_per_second", "verdict", "queries", "offered_per_second", "target_p99", "cold_start_seconds", "peak_bytes",
             "resident_begin", "resident_end")  # fmt: skip
    return record | {name: getattr(row, name) for name in names}
