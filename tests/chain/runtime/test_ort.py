"""ONNX Runtime refuses what it would silently do on another device; its bound buffers, run on the CPU."""

import os
import subprocess
import sys

import pytest
import torch

from export import networks, to_onnx
from helpers.small import small_backbone
from runtime.errors import SessionUnavailable
from runtime.sessions import ort


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU")
def test_a_provider_that_cannot_start_is_no_cpu_session():
    made = to_onnx.export(networks.backbone(small_backbone()))
    with pytest.raises(SessionUnavailable, match="PyTorch sees no CUDA GPU, and CUDAExecutionProvider needs one"):
        ort.load(made, torch.device("cuda"))


def test_bound_buffers_hold_the_same_as_a_call():
    """What a GPU replays over, run once here: buffers bound for good, their inputs replaced between two runs."""
    network = networks.backbone(small_backbone())
    session = ort.load(to_onnx.export(network), torch.device("cpu"))
    (binding, given, out), run = session.bind(2), ort._run(2)
    for seed in (0, 1):
        inputs = networks.example(network, 2, seed)
        for buffer, x in zip(given, inputs, strict=True):
            buffer.copy_(x)
        session._session.run_with_iobinding(binding, run)
        torch.testing.assert_close(out[0], session(*inputs))


def test_no_telemetry_file_is_written(tmp_path):
    """Without the switch in runtime/__init__.py ONNX Runtime writes a device id below the cache folder at its first session."""
    code = "import torch\nfrom runtime.sessions import ort\nprint(ort.told(torch.device('cpu')))"
    places = {
        "HOME": tmp_path,
        "XDG_CACHE_HOME": tmp_path / "cache",
        "XDG_CONFIG_HOME": tmp_path / "config",
        "XDG_DATA_HOME": tmp_path / "data",
    }
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {name: str(value) for name, value in places.items()}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "CPUExecutionProvider (1 of 1 probe node)"
    assert [str(path) for path in tmp_path.rglob("*") if "onnxruntime" in str(path).lower() or "microsoft" in str(path).lower()] == []
