"""ONNX Runtime refuses what it would silently do on another device; what its GPU half can show without a GPU."""

from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest

from runtime.sessions import ort


def package(name, top_level, *files):
    return SimpleNamespace(name=name, read_text=lambda _: top_level, files=[PurePosixPath(file) for file in files])


RUNTIMES = [package("onnxruntime", "onnxruntime\n"), package("onnxruntime-gpu", None, "onnxruntime/__init__.py")]
OTHERS = [package("onnxruntime-extensions", "onnxruntime_extensions\n"), package("onnxruntime-genai", None, "onnxruntime_genai/x.py")]


@pytest.mark.parametrize(
    ("installed", "told"),
    [
        (RUNTIMES, "onnxruntime and onnxruntime-gpu are both installed"),
        (OTHERS, "onnxruntime is not installed"),
        ([RUNTIMES[1], *OTHERS], None),
    ],
)
def test_packages_that_share_their_files(installed, told, monkeypatch):
    monkeypatch.setattr(ort, "distributions", lambda: installed)
    ort.packages.cache_clear()
    try:
        found = ort.available()
    finally:
        ort.packages.cache_clear()
    assert found is None if told is None else told in found


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
