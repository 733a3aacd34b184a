"""What can be said of TensorRT engines without TensorRT: options, names, stale and altered files, the trtexec line, the version guard."""

import json
import shlex
import shutil
from dataclasses import asdict

import pytest
import torch

from export import networks, to_onnx, to_tensorrt
from export.to_tensorrt import EngineOptions, trtexec_line
from helpers.small import small_denoiser
from runtime.artifact import read, sha256
from runtime.errors import ArtifactError, FvitError, SessionUnavailable
from runtime.sessions import engines, trt
from runtime.sessions.engines import EngineMachine

HERE = EngineMachine("NVIDIA H200", "9.0", "10.13.3.9")


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """A copy: engines are laid beside the file, and spoilt."""
    made = to_onnx.export(networks.denoiser_step(small_denoiser()))
    return read(shutil.copytree(made.folder, tmp_path_factory.mktemp("exports") / made.folder.name))


@pytest.fixture
def plan(artifact):
    """A file in an engine's place, with its facts."""
    path = engines.engine_path(artifact, HERE)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"engine" * 10)
    facts = asdict(HERE) | {"network": engines.digest(artifact), "sha256": sha256(path)}
    path.with_suffix(".json").write_text(json.dumps(facts))
    return path


def test_the_trtexec_line_can_be_copied(artifact):
    line = shlex.split(trtexec_line(artifact, EngineOptions(batches=(1, 4, 16), flags=("REFIT",))))
    assert line[:2] == ["trtexec", f"--onnx={artifact.model}"] and "--stronglyTyped" in line and "--noTF32" in line and "--refit" in line
    shapes = ",".join(f"{s.name}:{'x'.join(map(str, (4, *s.shape)))}" for s in artifact.inputs)
    assert f"--optShapes={shapes}" in line and "x:4x3x32x32" in shapes
    assert "--noTF32" not in trtexec_line(artifact, EngineOptions(tf32=True))
    with pytest.raises(FvitError, match="no known option for the builder flags GPU_FALLBACK"):
        trtexec_line(artifact, EngineOptions(flags=("GPU_FALLBACK",)))


def test_an_engine_is_named_after_gpu_version_and_network(artifact, plan):
    assert plan.name.startswith("NVIDIA-H200-sm90-trt10.13.3.9-") and engines.engine_facts(plan, artifact, HERE)["gpu"] == "NVIDIA H200"


@pytest.mark.parametrize(
    ("spoil", "error", "wanted"),
    [
        (lambda p: p.unlink(), SessionUnavailable, "no engine of .* for TensorRT 10.13.3.9 on NVIDIA H200"),
        (lambda p: p.write_bytes(b"engine"), ArtifactError, "was altered or half written"),
        (lambda p: p.with_suffix(".json").write_text("["), ArtifactError, "missing or damaged"),
        (lambda p: _edit(p, gpu="NVIDIA L4"), ArtifactError, "is stale: its gpu is NVIDIA L4, NVIDIA H200 is expected"),
        (lambda p: _edit(p, tensorrt="11.4.0"), ArtifactError, "its tensorrt is 11.4.0, 10.13.3.9 is expected"),
        (lambda p: _edit(p, network="f00d"), ArtifactError, "its network is f00d"),
    ],
)
def test_a_stale_or_spoilt_engine_is_refused(artifact, plan, spoil, error, wanted):
    spoil(plan)
    with pytest.raises(error, match=wanted):
        engines.engine_facts(plan, artifact, HERE)


def _edit(plan, **facts):
    beside = plan.with_suffix(".json")
    beside.write_text(json.dumps(json.loads(beside.read_text()) | facts))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU")
def test_without_a_gpu_the_reason_comes_before_any_use_of_tensorrt(artifact):
    assert "no CUDA GPU" in (trt.available() or "")
    with pytest.raises(FvitError, match="no TensorRT engine can be built here: PyTorch sees no CUDA GPU"):
        to_tensorrt.build(artifact)
    with pytest.raises(SessionUnavailable, match="PyTorch sees no CUDA GPU"):
        trt.load(artifact, torch.device("cuda"))
