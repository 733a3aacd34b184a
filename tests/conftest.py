"""Exports of a test run go to a folder of their own; each of pytest-xdist's workers has processors of its own.

Two processes with a thread for every core each wait for one another, spinning; a worker's child processes stay on its processors too.
"""

import os

import pytest
import torch

from bench.records.clock import cores, fixed_threads

WORKER, WORKERS = os.environ.get("PYTEST_XDIST_WORKER", ""), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if WORKER and hasattr(os, "sched_setaffinity"):
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, processors[int(WORKER.removeprefix("gw")) :: WORKERS] or processors)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    before = os.environ.get("FVIT_CACHE")
    os.environ["FVIT_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    with fixed_threads(cores()):
        yield
    if before is None:
        del os.environ["FVIT_CACHE"]
    else:
        os.environ["FVIT_CACHE"] = before


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)
