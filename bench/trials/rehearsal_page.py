"""The page of a rehearsal: what ran, its seconds and memory measured and predicted, and what the whole measurement would take."""

from collections.abc import Sequence

from bench.pages import page as pages
from bench.pages.page import Page, section, table
from bench.records.campaign import head_of, machines_of
from bench.records.rows import AnyRow, Clocked, Failed, Rehearsed, Why
from bench.trials.grid import Grid
from bench.trials.predict import Costs, Prediction, told, total
from bench.trials.rehearse import choose
from bench.trials.run import Runner
from bench.trials.settings import Settings
from bench.trials.timing import Clock, NotTimed
from bench.trials.trial import Trial
from bench.worlds import world as worlds

NAME, WHOLE = "rehearsal", 200  # pictures of each cell of a table that is measured whole
ABOUT = """Every table in small: one picture, 2 draws, attacks of 2 steps of one draw, certificates of 20 draws, chains of 3 steps. Of each table
the trials ran that show anything new (a backbone behind a kind of defence, a data set, a denoiser, an attack, an explainer, a metric); the others
stand in their tables as computed, from calls that were timed here once. Where no checkpoint was given weights are seeded random numbers and the
labels those that the network gives: no number but time and memory means anything. Predicted: before the first trial ran."""


def render(grids: Sequence[Grid], rows: Sequence[AnyRow]) -> Page:
    head = head_of(rows)
    settings = Settings.read(head.settings)
    found = {row.key: row for row in rows if isinstance(row, Rehearsed)}
    failed = {row.key.partition("/")[0]: row for row in rows if isinstance(row, Failed)}
    asked, clock = choose(grids, settings), _clock(rows, settings)
    parts, cells, counted = [], [], set[str]()
    predicted, known = Prediction(clock), Costs()
    for grid in grids:
        own = {trial.key for trial in asked.tables.get(grid.name, ())} - counted
        counted |= own
        ran = [found[f"{key}/rehearsed"] for key in own if f"{key}/rehearsed" in found]
        broken = [failed[key] for key in own if key in failed]
        full = grid.trials(Settings.read(head.settings | {"rehearsal": False, "n": WHOLE}))
        whole = _whole(predicted, full, known)
        others = len(grid.trials(settings)) - len(asked.tables.get(grid.name, ()))
        measured, expected = sum(row.seconds for row in ran), sum(row.predicted for row in ran)
        parts.append(
            [
                grid.heading,
                len(ran),
                len(broken),
                f"{measured:.0f}",
                f"{expected:.0f}",
                others,
                told(whole) if whole is not None else "not known",
            ]
        )
        cells.append(
            {
                "table": grid.name,
                "ran": len(ran),
                "failed": len(broken),
                "seconds": measured,
                "predicted": expected,
                "computed": others,
                "whole_seconds": whole,
            }
        )
    names = ["table", "trials run", "failed", "s measured", "s predicted", "trials computed", f"whole, n = {WHOLE}, computed"]
    said = _says(list(found.values()))
    return Page(
        "\n".join(filter(None, [
            pages.heading("Rehearsal", head, machines_of(rows), ABOUT.replace("\n", " "), f"world `{settings.world}`, preset `{settings.preset}`"),
            f"**{said}**\n", section("Tables", "A trial that several tables share stands in the first.\n", table(names, parts)), _loads(found),
            _failures(failed),
        ])), cells, says=(said,),
    )  # fmt: skip


def _clock(rows: Sequence[AnyRow], settings: Settings) -> Clock:
    """The calls as they were timed; it measures nothing anew."""
    seconds = next((row.seconds for row in rows if isinstance(row, Clocked)), {})
    return Clock(Runner(worlds.open(settings.world)), settings.made.level(), seconds, stopped=True)


def _whole(predicted: Prediction, trials: Sequence[Trial], known: Costs) -> float | None:
    """None where a network could not be had, so that nothing of it was timed."""
    try:
        return total([predicted.trial(trial) for trial in trials], known)
    except NotTimed:
        return None


def _says(rows: Sequence[Rehearsed]) -> str:
    took, expected = sum(row.seconds for row in rows), sum(row.predicted for row in rows)
    peak, bytes = max((row.peak_bytes for row in rows), default=0), max((row.predicted_bytes for row in rows), default=0)
    return (
        f"{told(took)} measured, {told(expected)} predicted (factor {took / expected if expected else 0:.2f}); {peak / 1e9:.1f} GB of memory at the "
        f"peak, {bytes / 1e9:.1f} GB predicted (factor {peak / bytes if bytes else 0:.2f})."
    )


def _loads(found: dict[str, Rehearsed]) -> str:
    loads = [[*key.split("/")[1:], row] for key, row in found.items() if key.startswith("load/")]
    timings = [row for key, row in found.items() if "/cost/" in key]
    lines = [[f"`{kind}` of {name}", f"{row.seconds:.0f}", f"{row.predicted:.0f}"] for name, kind, row in loads]
    if timings:
        lines.append(
            [f"{len(timings)} timings", f"{sum(row.seconds for row in timings):.0f}", f"{sum(row.predicted for row in timings):.0f}"]
        )
    return section("Sessions: export, loading, parity; and timings", table(["", "s measured", "s predicted"], lines)) if lines else ""


def _failures(failed: dict[str, Failed]) -> str:
    lines = [f"- {row.subject.get('backbone', '')} on {row.subject.get('task', '')}: {row.missing.reason}\n" for row in failed.values()
             if row.missing.why != Why.COMPUTED]  # fmt: skip
    return section("What did not run", "".join(lines)) if lines else ""
