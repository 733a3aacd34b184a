"""ONNX Runtime refuses what it would silently do on another device; what its GPU half can show without a GPU."""

from importlib.util import find_spec
from pathlib import Path

from runtime.sessions import ort


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
