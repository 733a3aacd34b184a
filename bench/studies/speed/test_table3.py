"""`pytest --benchmark`: Table 3's one-shot cells of the embedded world, then the table itself beside the printed cells."""

import pytest
from rich.console import Console

from bench import pytest_plugin
from bench.protocols import SIGMAS
from bench.records.clock import cores, fixed_threads
from bench.studies.draws import campaign, measure, page
from bench.studies.draws.campaign import Options, cells
from bench.worlds.world import WorldOptions, build

SESSIONS = ("eager", "ort")
ROUNDS = 5


@pytest.fixture(scope="module")
def loop(request: pytest.FixtureRequest):
    """The campaign of this pytest run, every session loaded and its parity checked; on leaving, the table."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    options = Options(
        WorldOptions(),
        SESSIONS,
        rules=("per-step",),
        rounds=ROUNDS,
        device=device,
        results=pytest_plugin.results(request.config) / "pytest",
    )
    with fixed_threads(cores()):
        world = build(options.world)
        found = campaign.begin(3, options, world, Console(quiet=True), fresh=True)
        runs = [run for run in cells(options, world) if run.denoise == "one_shot"]
        found.describe(runs)
        yield found, {(run.session, run.graph, run.sigma): run for run in runs}
    pytest_plugin.show_at_the_end(request.config, page.table3(found.rows_so_far()).markdown)


@pytest.mark.benchmark(group="table3: 10 draws of one picture")
@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("session", SESSIONS)
def test_table3(benchmark, loop, session: str, sigma: int) -> None:
    """Ten one-shot draws at the printed t*; `--benchmark-compare` compares these."""
    campaign_loop, runs = loop
    run = runs[session, "staged", sigma]
    rounds: list[dict] = []
    benchmark.pedantic(lambda: rounds.append(measure.measure(run, campaign_loop.bench)), rounds=ROUNDS, warmup_rounds=1)
    for row in rounds[1:]:
        campaign_loop.record(run, row)
    benchmark.extra_info.update(run.asdict() | {"t": rounds[0]["t"], "batch": rounds[0]["batch"]})
    assert sum(rounds[0]["votes"][0]) == run.draws
