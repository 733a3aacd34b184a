"""`pytest --benchmark`: one call of each network in each session of the embedded world, parity first."""

from collections.abc import Iterator

import pytest

from bench.records.clock import cores, fixed_threads
from bench.worlds import world as worlds
from bench.worlds.workbench import KINDS, SESSIONS, Engine, Workbench, device
from export.networks import example
from runtime import plugins

BATCH = 8


@pytest.fixture(scope="module")
def workbench() -> Iterator[Workbench]:
    with fixed_threads(cores()):
        yield Workbench(worlds.open("embedded"), device=device())


@pytest.mark.benchmark(group=f"one call at batch {BATCH}")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("session", plugins.names(SESSIONS))
def test_session(benchmark, workbench: Workbench, session: str, kind: str) -> None:
    if why := plugins.load(SESSIONS, session).available():
        pytest.skip(f"session {session}: {why}")
    loaded = workbench.load(Engine(session), kind)
    inputs = tuple(x.to(workbench.device) for x in example(workbench.network(kind), BATCH))
    benchmark.extra_info.update({"session": session, "network": kind, "batch": BATCH, "parity": loaded.parity, "facts": loaded.facts})
    benchmark.pedantic(loaded.session, args=inputs, rounds=10, warmup_rounds=2)
