"""What Table 3's page says of sessions: where they compute, how near they are to eager fp32, their speed and their cold start."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.pages.page import NONE, table
from bench.records.campaign import machines_of
from bench.records.rows import AnyRow, ColdStart, Failed, Loaded, Timed
from bench.records.stats import median, paired_ratio
from bench.studies.draws.cells import TimedCell, subject
from bench.studies.draws.run import ONE_SHOT, STAGED, Run

TIMED_IN = {"denoiser": "denoise", "backbone": "classify", "classify_draws": "denoise+classify"}


def sessions(rows: Sequence[AnyRow], cells: Sequence[TimedCell]) -> str:
    """What each session ran on, how far it is from eager fp32, and how fast each network was."""
    ceilings = {precision: value for machine in machines_of(rows) for precision, value in machine.ceilings.items()}
    lines = []
    for row in rows:
        if isinstance(row, Failed) and (about := subject(row)).what == "network":
            lines.append([f"{about.session} {about.precision}", about.network, row.missing.reason, "", "", ""])
        elif isinstance(row, Loaded):
            achieved = _achieved(row, cells, ceilings)
            size = f"{row.bytes / 1e6:.1f}" if row.bytes else NONE
            lines.append([f"{row.session} {row.precision}", row.network, _where(row), _parity(row), achieved, size])
    names = ["session", "network", "where", "largest difference", "GFLOP/s (of the ceiling)", "MB on disk"]
    return table(names, lines) if lines else ""


def _where(row: Loaded) -> str:
    facts: Mapping[str, Any] = row.facts
    nodes = ", ".join(f"{count} nodes on {provider}" for provider, count in facts.get("nodes", {}).items())
    return f"{nodes or facts['provider']}, computes in {facts['compute_precision']}"


@dataclass(frozen=True)
class Differences:
    """`Loaded.parity`: from eager fp32, the worst of all cases; `relative` to the deviation of its outputs."""

    largest: float
    relative: float
    cosine: float
    labels: float | None
    cases: int


def _parity(row: Loaded) -> str:
    if row.parity is None:
        return "reference"
    worst = Differences(**row.parity)
    return f"{worst.relative:.1e} of its deviation, cosine {worst.cosine:.7f}"


def _achieved(row: Loaded, cells: Iterable[TimedCell], ceilings: Mapping[str, float]) -> str:
    """Operations per second of a network: the median over the cells that timed it alone."""
    stage = TIMED_IN[row.network_kind]
    same = [cell for cell in cells if cell.engine == (row.session, row.precision) and cell.calls and stage in (cell.stages or {})]
    if not same:
        return NONE
    calls = [(cell.stages or {})[stage] / (cell.calls if stage == "denoise" else 1) for cell in same]
    speed = row.flops / median(calls).value
    share = f" ({speed / ceilings[row.precision]:.0%})" if row.precision in ceilings else ""
    return f"{speed / 1e9:.0f}{share}"


def ratios_to_eager(rows: Sequence[AnyRow]) -> str:
    """Each session against eager fp32 over the rounds of one process: one-shot draws with a denoiser call."""
    times: dict[tuple[str, str, str], dict] = defaultdict(dict)
    for row in (row for row in rows if isinstance(row, Timed) and row.calls):
        run = Run(**row.run)
        if run.denoise == ONE_SHOT:
            times[run.session, run.precision, run.graph][row.process, row.round, run.rule, run.sigma] = row.seconds
    reference = ("eager", "fp32", STAGED)
    base, lines = times.get(reference, {}), []
    for key, own in times.items():
        if key != reference and (ratio := paired_ratio(own, base)):
            shared = len(own.keys() & base.keys())
            lines.append(
                f"- {key[0]} {key[1]}, {key[2]}: **{ratio.value:.2f}** [{ratio.low:.2f}, {ratio.high:.2f}] of eager fp32's time per one-shot "
                f"draw ({shared} pairs)\n"
            )
    return "".join(lines)


def cold_starts(rows: Sequence[AnyRow]) -> str:
    """Seconds of the first answer in a separate process."""
    lines = []
    for row in rows:
        if isinstance(row, Failed) and (about := subject(row)).what == "cold start":
            lines.append([f"{about.session} {about.precision}", row.missing.reason, "", "", "", ""])
        elif isinstance(row, ColdStart):
            spans = (row.import_seconds, row.load_seconds, row.first_call_seconds, row.second_call_seconds)
            lines.append([f"{row.session} {row.precision}", *(f"{span:.2f}" for span in spans), f"{row.peak_bytes / 2**20:.0f}"])
    return table(["session", "import s", "load s", "first call s", "second call s", "peak MiB"], lines) if lines else ""
