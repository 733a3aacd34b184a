"""`fvit table` of looks: what is missing is looked at, a row a look, on the disk before the next is begun."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table as Lines

from bench.records import machine
from bench.records import rows as records
from bench.records.rows import Rows
from bench.trials import run as looks
from bench.trials.grid import Grid
from bench.trials.run import Look, Looker
from bench.trials.scene import Settings
from bench.trials.tally import Tally
from bench.worlds import defence as defences
from bench.worlds import presets
from bench.worlds.sources import Embedded, NotHere
from runtime.errors import FvitError
from runtime.maps import explain

WHOLE, PART = "looks", "looks-part"  # campaigns of looks, and of a shard of them
NOT_HERE = "not possible here"
PAPER_GRID = 256  # pixels, the side of the 552.8 M denoiser's pictures


@dataclass(frozen=True)
class How:
    """`fresh`: again what was measured before. `shard` (i, k): every k-th chunk of pictures from the i-th on, kept picture by picture."""

    fresh: bool = False
    shard: tuple[int, int] | None = None


def measure(tables: Sequence[Grid], settings: Settings, rows: Rows, looker: Looker, console: Console, how: How | None = None) -> str:
    """Every look that `tables` lack at this commit and these settings; the campaign's name. A look that fails leaves its reason in its row."""
    how = how or How()
    shard = how.shard
    name = _campaign(settings, rows, looker, how)
    done = {row["key"] for row in rows.read() if row["campaign"] == name and row["kind"] in ("look", "part")}
    todo = sorted((look for look in wanted(tables, settings) if look.key not in done), key=_order(tables, settings))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=sum(look.images for look in todo) / (shard or (1, 1))[1])
        for number, look in enumerate(todo, 1):
            counted = _Counted(progress, bar, f"look {number} of {len(todo)}: {told(look)}")
            rows.append({"campaign": name} | _row(looker, look, counted, shard))
    return name


def _row(looker: Looker, look: Look, counted: "_Counted", shard: tuple[int, int] | None) -> dict:
    kind = "part" if shard else "look"
    try:
        if shard is None:
            return {"kind": kind} | looker.row(look, counted)
        first, every = shard
        tally = looker.tally(look, looker.chunks(look)[first - 1 :: every], counted)
        return {"kind": kind} | looks.facts(look) | {"shard": list(shard), "tally": tally.asdict()}
    except NotHere as error:
        return {"kind": kind} | looks.facts(look) | {"word": NOT_HERE, "error": str(error)}
    except FvitError as error:
        return {"kind": kind} | looks.facts(look) | {"error": str(error)}


class _Counted:
    """Moves the bar on and says what is right so far."""

    def __init__(self, progress: Progress, bar, name: str):
        self.progress, self.bar, self.name, self.right, self.n = progress, bar, name, 0, 0
        progress.update(bar, description=name)

    def __call__(self, tally: Tally) -> None:
        self.n += len(tally.pictures)
        self.right += sum(one.right for one in tally.pictures)
        self.progress.update(
            self.bar, advance=len(tally.pictures) + len(tally.left_out), description=f"{self.name}, right {self.right} of {self.n}"
        )


def wanted(tables: Sequence[Grid], settings: Settings) -> list[Look]:
    """The looks of all `tables`, each once."""
    return list(dict.fromkeys(look for table in tables for look in table.looks(settings)))


def plan(tables: Sequence[Grid], settings: Settings, looker: Looker, console: Console) -> None:
    """`--dry-run`: cells, looks, draws and the time expected here of each table; what two tables share is counted in the first."""
    counted: set[Look] = set()
    seconds = _seconds_a_draw(settings, looker)
    lines = Lines(
        "table",
        "cells",
        "looks",
        "pictures attacked",
        "draws",
        "minutes of draws here",
        title=f"n = {settings.n}, preset {settings.preset}",
    )
    for table in tables:
        fresh = [look for look in table.looks(settings) if look not in counted]
        fresh += [look.clean for look in fresh if look.reference and look.clean not in counted]
        fresh = list(dict.fromkeys(fresh))
        sets = {(look.backbone, look.task, look.attack, look.norm, look.eps, look.images) for look in fresh if look.attack != "none"}
        drawn = {_drawn(look): look for look in sorted(fresh, key=lambda look: bool(look.explainers))}
        drawn = {key: look for key, look in drawn.items() if key not in {_drawn(look) for look in counted}}
        draws = {look: look.images * _draws(look) for look in drawn.values()}
        took = f"{sum(draws[look] * seconds[bool(look.explainers)] for look in draws) / 60:.1f}" if seconds else "not known"
        counted |= set(fresh)
        cells = (str(len(table.cells(settings))), str(len(fresh)), str(sum(one[-1] for one in sets)), str(sum(draws.values())), took)
        lines.add_row(str(table.number), *cells)
    console.print(lines)
    if seconds:
        console.print(f"a draw took {1000 * seconds[False]:.0f} ms for a label and {1000 * seconds[True]:.0f} ms with a VTA map just now; "
                      "attacks and undefended maps come on top, about as long again", highlight=False)  # fmt: skip
    else:
        console.print("seconds a draw of these networks: fvit table 3 --world paper", highlight=False)


def _seconds_a_draw(settings: Settings, looker: Looker) -> dict[bool, float]:
    """Without and with a VTA map, the second time that two pictures are answered; of the embedded world alone."""
    if settings.world != Embedded.name:
        return {}
    scene, found = settings.scene, {}
    bench, made = looker.bench(scene.main), presets.preset(settings.preset)
    images = looker.source.pictures(scene.task, range(2), bench.world.backbone).images
    level = made.level(bench.world.denoiser.schedule)
    defence = defences.Defence("dds", level, made.draws, denoise=made.denoise)
    for explained in (False, True):
        explainers = {"vta": explain.build("vta", bench.world.backbone)} if explained else {}
        for _ in range(2):
            start = time.perf_counter()
            defences.answer(bench, images, range(2), defence, explainers, made.fuse)
            found[explained] = (time.perf_counter() - start) / (2 * made.draws)
    return found


def told(look: Look) -> str:
    attack = "clean" if look.attack == "none" else f"{look.attack} {look.norm} {look.eps:g}/255"
    return f"{look.backbone} {look.task}, {attack}, {look.defence}"


def folder(results: Path, world: str = Embedded.name) -> Path:
    return results / f"{world}-{machine.machine()}"


def _campaign(settings: Settings, rows: Rows, looker: Looker, how: How) -> str:
    """The campaign's name; its head is written where it is new."""
    given = looker.source.facts()
    facts = {"table": PART if how.shard else WHOLE, **asdict(settings), "given": given} | ({"shard": how.shard} if how.shard else {})
    facts = json.loads(json.dumps(facts))  # as rows have it: no tuples
    weights, fingerprints, grid = _made_of(settings, looker, given)
    facts["fingerprints"] = fingerprints
    before = [] if how.fresh else rows.read()
    name = records.campaign(before, facts)
    if not any(row["campaign"] == name for row in before):
        head = {"settings": facts, "environment": machine.environment(), "weights": weights, "grid": grid, "notes": looker.source.notes()}
        rows.append({"kind": "campaign", "campaign": name} | head)
    return name


def _made_of(settings: Settings, looker: Looker, given: dict[str, str]) -> tuple[dict[str, str], dict[str, str], int]:
    """What the weights are, their fingerprints, and the side of the denoiser's grid."""
    if settings.world != Embedded.name:
        return given, given, PAPER_GRID
    world = looker.bench(settings.scene.main).world
    return {"backbones": "trained, as shipped", "denoiser": world.denoiser.weights}, world.fingerprints(), world.denoiser.size


def _order(tables: Sequence[Grid], settings: Settings):
    """Networks one after the other; first the looks with maps, whose answers serve those without."""
    place = {look: number for number, look in enumerate(wanted(tables, settings))}
    backbones = list(dict.fromkeys(look.backbone for look in place))
    return lambda look: (backbones.index(look.backbone), not look.explainers, place[look])


def _drawn(look: Look) -> Look:
    """What two looks share when their draws are the same."""
    return replace(look, explainers=(), reference=False, perturbed=False)


def _draws(look: Look) -> int:
    if look.defence not in ("dds", "noise"):
        return 0
    return look.draws or presets.preset(look.preset).draws
