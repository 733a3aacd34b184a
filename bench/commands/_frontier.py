"""What `fvit frontier` does: the settings asked for, measured and shown."""

from itertools import product

from rich.console import Console

from bench.commands._options import Results
from bench.pages.page import publish
from bench.records.campaign import latest
from bench.records.rows import AnyRow, Failed, Why
from bench.studies.frontier import page
from bench.studies.frontier.measure import PricedPoint, measure
from bench.studies.frontier.settings import STUDY
from bench.worlds import workbench
from bench.worlds.workbench import Engine


def run(points: list[PricedPoint], n: int, device: str | None, results: Results) -> int:
    console = Console()
    store = results.store("embedded", console)

    def measured() -> list[AnyRow]:
        return measure(points, n, workbench.device(device).type, store, console, results.how())

    rows = latest(store.read(), STUDY) if results.from_rows else measured()
    publish(store.folder, STUDY, page.render(rows), console)
    return int(any(isinstance(row, Failed) and row.missing.why == Why.FAILED for row in rows))


def points(sessions: tuple[str, ...], precisions: tuple[str, ...], denoisers: tuple[str, ...]) -> list[PricedPoint]:
    """Every session in every precision, one-shot; the other denoisers in the first session and precision."""
    engines = [Engine(*words) for words in product(sessions, precisions)]
    one_shot = [PricedPoint(engine, "one_shot") for engine in engines if "one_shot" in denoisers]
    return one_shot + [PricedPoint(engines[0], name) for name in denoisers if name != "one_shot"]
