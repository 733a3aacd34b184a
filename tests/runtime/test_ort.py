"""ONNX Runtime refuses what it would silently do on another device; what its GPU half can show without a GPU."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from small import small_backbone

from export import networks, to_onnx
from runtime.errors import SessionUnavailable
from runtime.sessions import ort


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU")
def test_a_provider_that_cannot_start_is_no_cpu_session():
    made = to_onnx.export(networks.backbone(small_backbone()))
    with pytest.raises(SessionUnavailable, match="PyTorch sees no CUDA GPU, and CUDAExecutionProvider needs one"):
        ort.load(made, torch.device("cuda"))


def test_two_packages_that_share_their_files(monkeypatch):
    monkeypatch.setattr(ort, "packages_distributions", lambda: {"onnxruntime": ["onnxruntime", "onnxruntime-gpu"]})
    assert "onnxruntime and onnxruntime-gpu are both installed" in (ort.available() or "")
    monkeypatch.setattr(ort, "packages_distributions", dict)
    assert "not installed" in (ort.available() or "")


def test_each_option_for_a_gpu_is_one_that_the_installed_runtime_knows():
    """A provider takes options by name; the names must stand in its file, and those of a run in the library's."""
    spec = find_spec("onnxruntime")
    folder = Path(spec.origin).parent / "capi" if spec and spec.origin else Path()
    provider, library = folder / "libonnxruntime_providers_cuda.so", next(folder.glob("onnxruntime_pybind11_state*.so"))
    names = {*ort.OPTIONS, *ort.GRAPH, "device_id", "user_compute_stream", "prefer_nhwc"}
    held = provider.read_bytes()
    assert [name for name in names if name.encode() + b"\0" not in held] == []
    assert (
        all(name.encode() in library.read_bytes() for name in ("disable_synchronize_execution_providers", "gpu_graph_id"))
        and b"no_such_option" not in held
    )


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
