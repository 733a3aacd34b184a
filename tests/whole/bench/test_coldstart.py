"""A cold start is taken in a process of its own, from a network or a file; what fails there is told."""

import pytest
import torch

from bench.studies.draws import coldstart
from bench.worlds.workbench import Workbench
from bench.worlds.world import WorldOptions, build
from runtime.errors import FvitError


@pytest.mark.parametrize("session", ["eager", "ort"])
def test_a_cold_start(session):
    options = WorldOptions()
    artifact = Workbench(build(options), torch.device("cpu")).load(session, "fp32", "denoiser").artifact
    found = coldstart.measure(options, session, "fp32", "cpu", artifact and artifact.folder)
    assert found.keys() == {"import_seconds", "load_seconds", "first_call_seconds", "second_call_seconds", "peak_bytes"}
    assert all(value > 0 for value in found.values()) and found["peak_bytes"] > 1e8


def test_what_fails_there_is_told(tmp_path):
    with pytest.raises(FvitError, match=r"cold start of ort failed: .*no artifact in"):
        coldstart.measure(WorldOptions(), "ort", "fp32", "cpu", tmp_path)
