"""A cold start is taken in a separate process, from a network or a file; what fails there is said."""

import pytest
import torch

from bench.studies.draws import coldstart
from bench.worlds import world as worlds
from bench.worlds.workbench import Engine, Workbench
from runtime.errors import FvitError

JOB = {"precision": "fp32", "device": "cpu", "world": "embedded", "artifact": None, "denoiser_weights": None, "head_channels": 64}


@pytest.mark.parametrize("session", ["eager", "ort"])
def test_a_cold_start(session):
    artifact = Workbench(worlds.open("embedded"), device=torch.device("cpu")).load(Engine(session), "denoiser").artifact
    found = coldstart.measure(JOB | {"session": session, "artifact": str(artifact.folder) if artifact else None})
    assert found.keys() == {*coldstart.NAMES, "peak_bytes"}
    assert all(value > 0 for value in found.values()) and found["peak_bytes"] > 1e8


def test_what_fails_there_is_said(tmp_path):
    with pytest.raises(FvitError, match=r"the process ended with exit code 1: .*no artifact in"):
        coldstart.measure(JOB | {"session": "ort", "artifact": str(tmp_path)})
