"""`pytest --benchmark`: Table 3's one-shot cells of the embedded world, then the table with the printed cells."""

import itertools
from collections.abc import Iterator

import pytest
from rich.console import Console

from bench import pytest_plugin
from bench.protocols import SIGMAS
from bench.records.campaign import Campaign, How
from bench.records.clock import settled
from bench.records.machine import folder_name
from bench.records.rows import Timed
from bench.records.store import Store
from bench.studies.draws import page
from bench.studies.draws.measure import DrawLoop, plan, runs
from bench.studies.draws.rounds import DrawBench, time_round
from bench.studies.draws.run import ONE_SHOT, STAGED, DrawSettings, Run
from bench.worlds import world as worlds
from bench.worlds.workbench import device

SESSIONS = ("eager", "ort")
ROUNDS = 5
Cells = tuple[Campaign, DrawBench, dict[tuple[str, float], Run]]


@pytest.fixture(scope="module")
def cells(request: pytest.FixtureRequest) -> Iterator[Cells]:
    """The campaign of this pytest run, every session loaded and its parity checked; on leaving, the table."""
    on, brought = device(), worlds.Brought()
    settings = DrawSettings("embedded", on.type, SESSIONS, rules=("per-step",), denoise=(ONE_SHOT,), rounds=ROUNDS)
    bench = DrawBench(worlds.open("embedded", brought), on)
    store = Store(pytest_plugin.results(request.config) / "pytest" / f"embedded-{folder_name()}")
    with settled(), Campaign(store, plan(settings, bench), Console(quiet=True), How(fresh=True)) as campaign:
        staged = [run for run in runs(settings, bench) if run.graph == STAGED]
        DrawLoop(campaign, bench, settings, brought).load(staged)
        yield campaign, bench, {(run.session, run.of_255): run for run in staged}
        rows = campaign.rows
    pytest_plugin.show_at_the_end(request.config, page.render(rows).markdown)


@pytest.mark.benchmark(group="table3: 10 draws of one picture")
@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("session", SESSIONS)
def test_table3(benchmark, cells: Cells, session: str, sigma: int) -> None:
    """Ten one-shot draws at the printed t*; `--benchmark-compare` compares these."""
    campaign, bench, by_name = cells
    run = by_name[session, sigma]
    rounds: list[Timed] = []
    numbers = itertools.count(-1)  # the first round warms up
    benchmark.pedantic(lambda: rounds.append(time_round(run, bench, campaign.name, next(numbers))), rounds=ROUNDS, warmup_rounds=1)
    for row in rounds[1:]:
        campaign.write(row)
    benchmark.extra_info.update(rounds[0].run | {"t": rounds[0].t, "batch": rounds[0].batch})
    assert sum(rounds[0].votes[0]) == run.draws
