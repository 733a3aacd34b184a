"""`--dry-run`: what would be measured, how long that takes here and in what memory; and whether files, labels and checkpoints will do."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.records.campaign import NotHere
from bench.trials import memory
from bench.trials.grid import Grid
from bench.trials.measure import place, refused, wanted
from bench.trials.predict import Costs, Prediction, told, total
from bench.trials.rehearse import Rehearsal, choose, expect, loading, without
from bench.trials.run import Runner
from bench.trials.settings import Settings
from bench.trials.timing import Clock
from bench.trials.trial import Trial, by_backbone

COLUMNS = ("table", "cells", "trials", "pictures attacked", "draws", "time here")


def show(grids: Sequence[Grid], settings: Settings, runner: Runner, console: Console) -> int:
    """A line per table, what two share counted in the first; how many files or networks the run would refuse."""
    asked = choose(grids, settings) if settings.rehearsal else None
    trials = asked.measured if asked else wanted(grids, settings)
    reasons = refused(trials, runner)
    for (backbone, task, _), error in reasons.items():
        word = "left out" if isinstance(error, NotHere) else "[red]would fail[/red]"
        console.print(f"{word}: {backbone} on {task}: {error}", highlight=False, soft_wrap=True)
    good = [trial for trial in trials if place(trial) not in reasons]
    if good and asked:
        _rehearsal(without(asked, reasons), settings, runner, console)
    elif good:
        _tables(grids, settings, runner, console, {trial.base for trial in good})
    return sum(not isinstance(error, NotHere) for error in reasons.values())


def _rehearsal(asked: Rehearsal, settings: Settings, runner: Runner, console: Console) -> None:
    expected = expect(asked, Clock(runner, settings.made.level()))
    said = f"{len(asked.measured)} trials of {len(asked.measured) + len(asked.computed)} and {len(asked.costs)} timings"
    console.print(
        f"rehearsal: {said} take {told(expected.seconds)} here; {_memory(max(expected.bytes.values()))}", highlight=False, soft_wrap=True
    )


def _tables(grids: Sequence[Grid], settings: Settings, runner: Runner, console: Console, good: set[Trial]) -> None:
    predicted, known, counted, attacks = Prediction(Clock(runner, settings.made.level())), Costs(), set[Trial](), set[object]()
    lines, whole = Table(*COLUMNS, title=f"n = {settings.n}, preset {settings.preset}"), 0.0
    for grid in grids:
        fresh = [trial for trial in grid.trials(settings) if trial.base in good and trial.base not in counted]
        fresh = [trial for own in by_backbone(fresh).values() for trial in own]  # one network after the other
        counted |= {trial.base for trial in fresh}
        costs = [predicted.trial(trial) for trial in fresh]
        attacked = {
            key: trial.images
            for trial, one in zip(fresh, costs, strict=True)
            for key in one
            if isinstance(key, tuple) and key[0] == "attack"
        }
        attacked = {key: images for key, images in attacked.items() if key not in attacks}
        attacks |= attacked.keys()
        twins = {trial.twin.base: trial.twin for trial in fresh if predicted.compared(trial) and trial.twin.base not in counted}
        counted |= twins.keys()
        draws = sum(map(predicted.draws, (*fresh, *twins.values())))
        took = total(costs, known) + sum(predicted.cost(one) for one in grid.costs(settings) if one[0].base in good)
        whole += took
        lines.add_row(grid.name, *map(str, (len(grid.cells(settings)), len(fresh), sum(attacked.values()), draws)), told(took))
    console.print(lines)
    own = by_backbone([trial for trial in wanted(grids, settings) if trial.base in good])
    loads = sum(sum(loading(predicted, name, trials).values()) for name, trials in own.items())
    peak = max(memory.peak(runner, trials) for trials in own.values())
    console.print(
        f"{told(whole + loads)} in all ({told(loads)} of it exports, loading and parity), from calls counted and timed here once; "
        f"{_memory(peak)}", highlight=False, soft_wrap=True,
    )  # fmt: skip


def _memory(bytes: float) -> str:
    lacks = "" if bytes < memory.free() else ": more than is free"
    return f"{bytes / 1e9:.1f} GB of memory at most, {memory.free() / 1e9:.1f} GB are free{lacks}"
