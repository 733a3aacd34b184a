"""Table 3 as text, from rows alone: t* and noise of each rule, seconds per draw, what they consist of."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.pages import page as pages
from bench.pages import published
from bench.pages.compare import Number
from bench.pages.page import NONE, Page, missing, number, section, table
from bench.protocols import SIGMAS
from bench.records.campaign import head_of, machines_of
from bench.records.rows import AnyRow, Failed, Head
from bench.studies.draws.cells import TimedCell, compute, subject, timed_cells
from bench.studies.draws.plot import COLUMNS, SHOWN, seconds_against_sigma
from bench.studies.draws.run import CHAIN, FUSED, DrawSettings, Run
from bench.studies.draws.sessions import cold_starts, ratios_to_eager, sessions
from runtime.diffusion import schedule as schedules
from runtime.diffusion.schedule import NoiseLevel
from runtime.errors import FvitError
from runtime.names import PRINTED_RULES

STAGES = ("noise", "denoise", "classify", "denoise+classify", "explain")
RANDOM = "**Random weights: times mean something here, votes and maps do not.**\n"
PRINTED = "printed in the paper"
PER_DRAW, TEN_DRAWS = ("seconds_a_draw", 1), ("seconds_10_draws", 10)  # column of the printed table, draws
READING = """## How to read it

- The printed seconds are comparable with the **one-shot, per-step** rows: one denoiser call, the classifier and its map for each draw, and
  no denoiser at 2/255. No printed figure is comparable with a chain: from t* = 8 to 193 it grows by 8e-5 s per step.
- The paper does not say which machine its figures are from; other hardware, other seconds. Compare shapes, not sizes.
- `per-step` gives the printed t* but far more noise than its sigma; `cumulative` is the formula as printed. The real noise is what was added.
- A draw is one noisy copy of one picture: noise, denoiser, classifier and, where the backbone has one, its rollout map in eager PyTorch.
  Loading, exporting, parity and the choice of the execution batch are not included; resizes and votes are.
- `c` marks a cell that is computed as calls x measured seconds of a call + the rest of a measured one-shot draw; that rule is checked above.
- Every time passed parity first. Ratios compare rounds of one process only. Intervals: 95 % of the median by order statistics; with fewer
  than six rounds, the smallest and the largest time.
"""


def render(rows: Sequence[AnyRow]) -> Page:
    """The page of one campaign."""
    head, cells, printed = head_of(rows), timed_cells(rows), published.read("3", COLUMNS)
    top = _heading(head, rows, cells)
    steps = section("t* and real noise (of 255)", _steps(printed))
    ratios = section("Against eager fp32, pairs of one process", ratios_to_eager(rows))
    parts = [
        top,
        steps,
        section("Seconds per draw", _seconds_table(cells, printed, PER_DRAW)),
        section("Seconds for 10 draws", _seconds_table(cells, printed, TEN_DRAWS), _ten_note(head)),
        section("What a draw consists of (median milliseconds per draw)", _stages(cells)),
        section("Sessions", sessions(rows, cells)),
        ratios,
        section("Cold start of the denoiser in a separate process (batch 1)", cold_starts(rows)),
        section("Check of the rule for computed cells", _rule_check(cells)),
        section("Cells without a measurement, and sessions that cannot run here", _reasons(head, rows, cells)),
        READING,
    ]
    medians = section("Seconds per draw (medians)", _seconds_table(cells, printed, PER_DRAW, intervals=False))
    plots = {"table3.png": seconds_against_sigma(cells)}
    summary = "\n".join(filter(None, (top, steps, medians, ratios)))
    numbers = {f"{cell.run}, {cell.run.draws} draws": Number(cell.interval, False) for cell in cells if cell.interval}
    return Page("\n".join(filter(None, parts)), [cell.facts() for cell in cells], plots, summary, numbers=numbers)


def _heading(head: Head, rows: Sequence[AnyRow], cells: Sequence[TimedCell]) -> str:
    settings = DrawSettings.read(head.settings)
    chains = f", chain {settings.chain_rounds}" if CHAIN in settings.denoise else ""
    batches = ", ".join(sorted({f"{cell.run.session} {cell.run.graph} {cell.batch}" for cell in cells if cell.batch}))
    text = pages.heading(
        f"Table 3, world `{settings.world}`: t* and seconds", head, machines_of(rows),
        f"measured: {settings.draws} draws of {settings.images} picture(s) per round, seed {settings.seed}",
        f"rounds, all cells interleaved: one-shot {settings.rounds}{chains}",
        f"execution batch, by a short calibration: {batches}" if batches else "",
    )  # fmt: skip
    return text + ("\n" + RANDOM if Facts(**head.facts).random else "")


@dataclass(frozen=True)
class Facts:
    """`Head.facts` of this study."""

    random: bool


def _steps(printed: pd.DataFrame) -> str:
    """t* and real noise for each rule and sigma, from the rules themselves."""
    lines = {PRINTED: [str(printed.loc[sigma, "t_star"]) for sigma in SIGMAS]}
    lines |= {f"`{rule}`": [_step(rule, sigma) for sigma in SIGMAS] for rule in (*PRINTED_RULES, "released")}
    return _by_sigma(lines, "rule: t* (noise added)")


def _step(rule: str, sigma: int) -> str:
    try:
        level: NoiseLevel = schedules.level(schedules.linear(), sigma / 255, rule)
    except FvitError:
        return "beyond its 250 steps"
    if not level.denoises:
        return f"{level.t} ({255 * level.sigma:.1f}, no denoiser)"
    believed = f", taken for {255 * level.believed:.0f}" if level.believed != level.sigma else ""
    return f"{level.t} ({255 * level.sigma:.1f}{believed})"


def _seconds_table(cells: Sequence[TimedCell], printed: pd.DataFrame, column: tuple[str, int], intervals: bool = True) -> str:
    name, draws = column
    lines = {PRINTED: [f"{printed.loc[sigma, name]:g}" for sigma in SIGMAS]}
    for row, own in _named(cells).items():
        by_sigma = {cell.run.of_255: cell for cell in own}
        lines[row] = [_seconds(by_sigma[sigma], draws, intervals) if sigma in by_sigma else "not measured" for sigma in SIGMAS]
    return _by_sigma(lines, "seconds")


def _seconds(cell: TimedCell, draws: int, intervals: bool) -> str:
    if cell.seconds is None:
        assert cell.missing is not None
        return missing(cell.missing)
    value = number(cell.seconds * draws)
    if cell.interval is None:
        return f"{value} c"
    span = f" [{number(cell.interval.low * draws)}, {number(cell.interval.high * draws)}]" if intervals else ""
    return value + span + (" c" if draws == 10 and cell.run.draws != 10 else "")


def _ten_note(head: Head) -> str:
    draws = DrawSettings.read(head.settings).draws
    return "" if draws == 10 else f"`c`: ten times the seconds per draw, measured over {draws} draw(s) per round.\n"


def _stages(cells: Sequence[TimedCell]) -> str:
    lines = []
    for row, own in _named(cells).items():
        for cell in [cell for cell in own if cell.measured and cell.calls][-1:]:
            stages, seconds = cell.stages or {}, cell.seconds or 0.0
            parts = [f"{1e3 * stages[name]:.2f}" if name in stages else NONE for name in STAGES]
            lines.append([row, f"{cell.run.of_255:g}/255", cell.calls, *parts, f"{1e3 * (seconds - sum(stages.values())):.2f}"])
    return table(["", "sigma", "calls", *STAGES, "the rest"], lines) if lines else ""


def _rule_check(cells: Sequence[TimedCell]) -> str:
    """How far calls x seconds of a call lies from the longest chain that was measured, per session."""
    lines = []
    for engine in dict.fromkeys(cell.engine for cell in cells):
        chains = [c for c in cells if c.engine == engine and c.run.denoise == CHAIN and c.measured and c.calls]
        if not chains:
            continue
        longest = max(chains, key=lambda cell: cell.calls)
        computed, seconds = compute(longest, cells).seconds, longest.seconds
        if computed is not None and seconds is not None:
            lines.append(
                f"- {' '.join(engine)}: chain from t* = {longest.t} ({longest.calls} calls): measured {number(seconds)} s, "
                f"computed {number(computed)} s, {100 * (computed / seconds - 1):+.1f} %\n"
            )
    return "".join(lines)


def _reasons(head: Head, rows: Sequence[AnyRow], cells: Sequence[TimedCell]) -> str:
    lines = [f"- {_name(cell)}, {cell.run.of_255:g}/255: {c.why}: {c.reason}\n" for cell in cells if (c := cell.missing)]
    counted = {cell.run.key for cell in cells if cell.measured}
    for row in (row for row in rows if isinstance(row, Failed)):
        about = subject(row)
        if about.what == "round" and about.run and (run := Run(**about.run)).key in counted:
            lines.append(f"- a round of {run}: {row.missing.why}: {row.missing.reason}\n")
    lines += [f"- session {session}: {why}\n" for session, why in head.unavailable.items()]
    return "".join(lines)


def _named(cells: Sequence[TimedCell]) -> dict[str, list[TimedCell]]:
    """The cells of each line of a table."""
    lines: dict[str, list[TimedCell]] = defaultdict(list)
    for cell in cells:
        lines[_name(cell)].append(cell)
    return lines


def _name(cell: TimedCell) -> str:
    run = cell.run
    return f"{SHOWN[run.denoise]}, {run.rule}: {run.session} {run.precision}" + (", fused graph" if run.graph == FUSED else "")


def _by_sigma(lines: Mapping[str, Sequence[str]], corner: str) -> str:
    return table([corner, *(f"{sigma}/255" for sigma in SIGMAS)], [[name, *values] for name, values in lines.items()])
