"""`pytest --benchmark`: one call of each network in each session of the embedded world, parity first."""

import pytest
import torch

from bench.records.clock import cores, fixed_threads
from bench.worlds.workbench import SESSIONS, Workbench
from bench.worlds.world import WorldOptions, build
from export.networks import example
from runtime import plugins

BATCH = 8


@pytest.fixture(scope="module")
def workbench():
    with fixed_threads(cores()):
        yield Workbench(build(WorldOptions()), torch.device("cuda" if torch.cuda.is_available() else "cpu"))


@pytest.mark.benchmark(group=f"one call at batch {BATCH}")
@pytest.mark.parametrize("kind", ["backbone", "denoiser", "classify_draws"])
@pytest.mark.parametrize("session", plugins.names(SESSIONS))
def test_session(benchmark, workbench: Workbench, session: str, kind: str) -> None:
    if why := plugins.load(SESSIONS, session).available():
        pytest.skip(f"session {session}: {why}")
    loaded = workbench.load(session, "fp32", kind)
    inputs = tuple(x.to(workbench.device) for x in example(workbench.network(kind, "fp32"), BATCH))
    benchmark.extra_info.update({"session": session, "network": kind, "batch": BATCH, "parity": loaded.parity, "facts": loaded.facts})
    benchmark.pedantic(loaded.session, args=inputs, rounds=10, warmup_rounds=2)
