"""What `fvit latency` does: the runs asked for, measured and shown."""

from dataclasses import dataclass
from itertools import product

from rich.console import Console

from bench.commands._options import ANSWERS, Results
from bench.pages.page import publish
from bench.records.campaign import latest
from bench.records.rows import Failed, Why
from bench.studies.latency import measure as study
from bench.studies.latency import page
from bench.studies.latency.case import STUDY, Case
from bench.worlds import workbench
from runtime import plugins
from runtime.errors import FvitError, SessionUnavailable


@dataclass(frozen=True)
class LatencyRequest:
    """Each of `scenario` with each of `answer`, requests merged as `merge` says; the rest is every run's."""

    scenario: tuple[str, ...]
    answer: tuple[str, ...]
    merge: tuple[int, ...]
    session: str
    precision: str
    draws: int
    seconds: float
    qps: float | None
    target_p99: float | None
    device: str | None
    limit: float


def run(wanted: LatencyRequest, results: Results) -> int:
    console = Console()
    store = results.store("embedded", console)
    if results.from_rows:
        rows = latest(store.read(), STUDY)
    else:
        explainers = [answer for answer in wanted.answer if answer not in ANSWERS]
        rows = study.measure(cases(wanted), explainers, store, console, results.how())
    publish(store.folder, STUDY, page.render(rows), console)
    return int(any(isinstance(row, Failed) and row.missing.why == Why.FAILED for row in rows))


def cases(wanted: LatencyRequest) -> list[Case]:
    """Every scenario with every answer; requests are merged where several can wait."""
    workbench.require_sessions((wanted.session,))
    has = plugins.load(workbench.SESSIONS, wanted.session).PRECISIONS
    if wanted.precision not in has:
        raise SessionUnavailable(f"session {wanted.session} has no {wanted.precision}; it has {', '.join(has)}")
    if (why := study.available()) and set(wanted.scenario) != {"single-stream"}:
        raise FvitError(f"{why}; without it --scenario single-stream runs, as a plain loop")
    device = workbench.device(wanted.device).type
    shared = (wanted.session, wanted.precision, wanted.draws, wanted.seconds, wanted.qps, wanted.target_p99, device, wanted.limit)
    return [
        Case(scenario, answer, merge, *shared)
        for scenario, answer in product(wanted.scenario, wanted.answer)
        for merge in ((1,) if scenario == "single-stream" else wanted.merge)
    ]
