"""The part of `fvit table` that is Table 3: measures its seconds, writes and prints its page."""

from typing import TYPE_CHECKING

from rich.console import Console

from bench.pages.page import publish
from bench.records.campaign import latest
from bench.records.clock import settled
from bench.records.rows import AnyRow, Failed, Why
from bench.records.store import Store
from bench.studies.draws.cells import subject
from bench.studies.draws.measure import measure
from bench.studies.draws.page import render
from bench.studies.draws.rounds import DrawBench
from bench.studies.draws.run import STUDY, DrawSettings
from bench.worlds import world as worlds
from bench.worlds.workbench import device

if TYPE_CHECKING:
    from bench.commands._table import TableRequest
    from bench.worlds.world import World

NUMBER = "3"
SHORT = {"draws": 10, "rounds": 6, "chain_rounds": 2, "budget": 4.0}
SLOW = {"draws": 1, "rounds": 3, "chain_rounds": 1, "budget": 300.0}  # where one denoiser call takes seconds
RULES, SLOW_RULES = ("cumulative", "per-step"), ("per-step",)
SHOWN = 3  # failures in the terminal; the page has all


def run(wanted: "TableRequest", console: Console, store: Store | None = None) -> int:
    """Measures what is missing, writes and prints Table 3; how many of its measurements failed. `store`: another than the results folder."""
    store = store or wanted.results.store(wanted.networks.world, console)
    rows = latest(store.read(), STUDY) if wanted.results.from_rows else _measured(wanted, store, console)
    publish(store.folder, f"table{NUMBER}", render(rows), console)
    failed = [row for row in rows if isinstance(row, Failed) and row.missing.why == Why.FAILED]
    for row in failed[:SHOWN]:
        about = subject(row)
        console.print(f"[red]failed:[/red] {about.what}, {about.session} {about.precision}: {row.missing.reason}", highlight=False)
    return len(failed)


def _measured(wanted: "TableRequest", store: Store, console: Console) -> list[AnyRow]:
    brought = wanted.networks.brought(wanted.own, wanted.timed.pictures)
    world, on = worlds.open(wanted.networks.world, brought), device(wanted.device)
    settings = settings_of(wanted, world, on.type)
    console.print(f"table {NUMBER}, world {world.name}: sessions {', '.join(settings.sessions)} on {on}", highlight=False)
    bench = DrawBench(world, on, settings.images, lambda line: console.print(f"[dim]{line}[/dim]", highlight=False))
    with settled():
        return measure(settings, bench, brought, store, console, wanted.results.how())


def settings_of(wanted: "TableRequest", world: "World", on: str) -> DrawSettings:
    """What to measure, with defaults that fit the world and the device where nothing was given."""
    timed, slow = wanted.timed, world.slow_on(on)
    given = {name: value for name in SHORT if (value := getattr(timed, name)) is not None}
    return DrawSettings(
        world.name, on, timed.session, timed.precision, timed.rule or (SLOW_RULES if slow else RULES), timed.denoise,
        images=timed.images, seed=wanted.seed, **((SLOW if slow else SHORT) | given),
    )  # fmt: skip
