"""`fvit table` of looks: what is missing is looked at, a row a look, on the disk before the next is begun."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table as Lines

from bench import presets, records
from bench.looks import Look, Looker
from bench.records import Rows
from bench.tables._grid import Grid, Settings
from runtime.errors import FvitError


def measure(tables: Sequence[Grid], settings: Settings, rows: Rows, console: Console, fresh: bool = False) -> str:
    """Every look that `tables` lack at this commit and these settings; the campaign's name. A look that fails leaves its reason in its row."""
    presets.preset(settings.preset)
    looker = Looker(lambda line: console.print(f"[dim]{line}[/dim]", highlight=False))
    name = _campaign(settings, rows, looker, fresh)
    done = {row["key"] for row in rows.read() if row["campaign"] == name and row["kind"] == "look"}
    todo = [look for look in wanted(tables, settings) if look.key not in done]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=sum(look.images for look in todo))
        for number, look in enumerate(todo, 1):
            progress.update(bar, description=f"look {number} of {len(todo)}: {told(look)}")
            try:
                row = looker.row(look, lambda pictures: progress.advance(bar, pictures))
            except FvitError as error:
                row = {"key": look.key, "look": asdict(look), "error": str(error)}
            rows.append({"kind": "look", "campaign": name} | row)
    return name


def wanted(tables: Sequence[Grid], settings: Settings) -> list[Look]:
    """The looks of all `tables`, each once."""
    return list(dict.fromkeys(look for table in tables for look in table.looks(settings)))


def plan(tables: Sequence[Grid], settings: Settings, console: Console) -> None:
    """`--dry-run`: cells, looks, draws and denoiser calls of each table, a look that two tables share counted in the first."""
    counted: set[Look] = set()
    lines = Lines("table", "cells", "looks", "pictures attacked", "draws", title=f"n = {settings.n}, preset {settings.preset}")
    for table in tables:
        fresh = [look for look in table.looks(settings) if look not in counted]
        counted |= set(fresh)
        sets = {(look.backbone, look.task, look.attack, look.norm, look.eps, look.images) for look in fresh if look.attack != "none"}
        draws = sum(look.images * _draws(look) * (2 if look.reference else 1) for look in fresh)
        lines.add_row(str(table.number), str(len(table.cells(settings))), str(len(fresh)), str(sum(one[-1] for one in sets)), str(draws))
    console.print(lines)
    console.print("a draw is about 10 ms for a label and 27 ms with a VTA map on the machine of the README's tables, 2 cores")


def told(look: Look) -> str:
    attack = "clean" if look.attack == "none" else f"{look.attack} {look.norm} {look.eps:g}/255"
    return f"{look.backbone} {look.task}, {attack}, {look.defence}"


def folder(results: Path) -> Path:
    return results / f"embedded-{records.machine()}"


def _campaign(settings: Settings, rows: Rows, looker: Looker, fresh: bool) -> str:
    world = looker.bench("vit_embedded").world
    facts = {"table": "looks", **asdict(settings), "fingerprints": world.fingerprints()}
    before = [] if fresh else rows.read()
    name = records.campaign(before, facts)
    if not any(row["campaign"] == name for row in before):
        weights = {"backbones": "trained, as shipped", "denoiser": world.denoiser.weights}
        rows.append({"kind": "campaign", "campaign": name, "settings": facts, "environment": records.environment(), "weights": weights})
    return name


def _draws(look: Look) -> int:
    if look.defence not in ("dds", "noise"):
        return 0
    return look.draws or presets.preset(look.preset).draws
