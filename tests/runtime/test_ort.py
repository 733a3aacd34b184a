"""ONNX Runtime refuses what it would silently do on another device."""

import pytest
import torch
from small import small_backbone

from export import networks, to_onnx
from runtime.errors import SessionUnavailable
from runtime.sessions import ort


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU")
def test_a_provider_that_cannot_start_is_no_cpu_session():
    made = to_onnx.export(networks.backbone(small_backbone()))
    with pytest.raises(SessionUnavailable, match="session ort cannot run vit_small_test in fp32: CUDAExecutionProvider"):
        ort.load(made, torch.device("cuda"))


def test_two_packages_that_share_their_files(monkeypatch):
    monkeypatch.setattr(ort, "packages_distributions", lambda: {"onnxruntime": ["onnxruntime", "onnxruntime-gpu"]})
    assert "onnxruntime and onnxruntime-gpu are both installed" in (ort.available() or "")
    monkeypatch.setattr(ort, "packages_distributions", dict)
    assert "not installed" in (ort.available() or "")
