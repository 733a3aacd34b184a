"""`--dry-run`: the number of cells, trials, attacked pictures and draws of each table, and the time of the draws on this machine."""

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from bench.metrics.perturbation import STEPS
from bench.records.clock import seconds
from bench.trials.grid import Grid
from bench.trials.metric import find
from bench.trials.run import Runner
from bench.trials.settings import Settings
from bench.trials.trial import Trial
from bench.worlds import defence as defences
from bench.worlds.workbench import Engine
from runtime.maps import explain

COLUMNS = ("table", "cells", "trials", "pictures attacked", "draws", "minutes of draws here")


def show(grids: Sequence[Grid], settings: Settings, runner: Runner, console: Console) -> None:
    """One line per table; what two tables share is counted in the first."""
    counted: set[Trial] = set()
    took = _seconds_per_draw(settings, runner)
    lines = Table(*COLUMNS, title=f"n = {settings.n}, preset {settings.preset}")
    for grid in grids:
        fresh = [trial for trial in grid.trials(settings) if trial.base not in counted]
        fresh += [trial.twin for trial in fresh if trial.maps and trial.twin.base not in counted]
        fresh = list({trial.base: trial for trial in fresh}.values())
        counted |= {trial.base for trial in fresh}
        attacked = {replace(trial, defence=defences.Defence(), maps=()) for trial in fresh if trial.threat}
        draws = {trial: trial.images * trial.defence.draws * (1 + _curves(trial)) if trial.defence.randomised else 0 for trial in fresh}
        minutes = f"{sum(draws[trial] * took[bool(trial.maps)] for trial in fresh) / 60:.1f}" if took else "not known"
        numbers = (len(grid.cells(settings)), len(fresh), sum(trial.images for trial in attacked), sum(draws.values()))
        lines.add_row(grid.name, *map(str, numbers), minutes)
    console.print(lines)
    if took:
        text = (
            f"a draw took {1000 * took[False]:.0f} ms for a label and {1000 * took[True]:.0f} ms with a VTA map just now; attacks and "
            "undefended maps come on top, about as long again"
        )
    else:
        text = "seconds per draw of these networks: fvit table 3 --world paper"
    console.print(text, highlight=False)


def _curves(trial: Trial) -> int:
    """How often the defence answers each picture once more, for perturbation curves of the defended classifier."""
    defended = [spec for _, spec in trial.maps if spec and find(spec).of_score.get("classifier") == "defended"]
    return (1 + len(STEPS)) * len(defended)


def _seconds_per_draw(settings: Settings, runner: Runner) -> dict[bool, float]:
    """Without and with a VTA map, the second time that two pictures are answered; nothing where a draw takes minutes."""
    if runner.world.slow_on(runner.device.type):
        return {}
    scene, made, found = settings.scene, settings.made, {}
    bench = runner.bench(scene.main)
    images = runner.world.pictures(scene.task, "test", range(2), bench.backbone).images.to(bench.device)
    defence = made.defence()
    for mapped in (False, True):
        explainers = {"vta": explain.build("vta", bench.backbone)} if mapped else {}
        for _ in range(2):
            took = seconds(lambda e=explainers: defences.answer(bench, defence, Engine(), images, range(len(images)), e), bench.device)
            found[mapped] = took / (len(images) * made.draws)
    return found
