"""Exports of a test run go to a folder of their own; PyTorch uses the cores there are."""

import os

import pytest
import torch

from bench.timing import cores, fixed_threads


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
