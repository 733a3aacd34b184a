"""Files from outside: checkpoints never run code, artifacts prove themselves, pictures are converted aloud."""

import json
import os
import pickle
import platform

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from runtime import artifact, checkpoints, pictures
from runtime.errors import ArtifactError, CheckpointError, PictureError
from runtime.network import TensorSpec, random_weights


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("boom",))


def test_pickled_code_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"w": Bomb()}, "evil.pt")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Bomb()))
    for name in ("evil.pt", "plain.pkl"):
        with pytest.raises(CheckpointError, match=rf"{name} (carries pickled code|is truncated or no checkpoint)"):
            checkpoints.read(name)
    assert not (tmp_path / "boom").exists()


def test_missing_truncated_and_empty_checkpoints(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        checkpoints.read(tmp_path / "none.pt")
    save_file({"w": torch.zeros(1000)}, tmp_path / "w.safetensors")
    torch.save({"w": torch.zeros(1000)}, tmp_path / "w.pt")
    for name, told in (("w.safetensors", "no complete safetensors file"), ("w.pt", "truncated or no checkpoint")):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(CheckpointError, match=told):
            checkpoints.read(tmp_path / name)
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(CheckpointError, match="no dictionary of tensors"):
        checkpoints.read(tmp_path / "list.pt")


def test_a_checkpoint_from_before_pytorch_1_6(tmp_path):
    """No zip archive, so it cannot be mapped; many published .pth files are such."""
    torch.save({"w": torch.ones(3)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert torch.equal(checkpoints.read(tmp_path / "old.pth")["w"], torch.ones(3))


def test_the_fingerprint_is_of_names_and_numbers():
    a, b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    b.load_state_dict(a.state_dict())
    assert checkpoints.fingerprint(a) == checkpoints.fingerprint(b)
    b.weight.data[0, 0] += 1
    assert checkpoints.fingerprint(a) != checkpoints.fingerprint(b)


@pytest.fixture
def made(tmp_path):
    spec = (TensorSpec("x", (3,), 0.0, 1.0),)
    facts = artifact.Artifact(tmp_path / "a", "net", "fp32", 21, spec, spec, random_weights(0), "f00d", {}, {"onnx": "1"}, "abc")
    with artifact.writing(tmp_path / "a") as folder:
        (folder / artifact.MODEL).write_bytes(b"graph" * 100)
        artifact.write_manifest(facts, folder)
    return tmp_path / "a"


def test_an_artifact_comes_back_as_it_was_written(made):
    found = artifact.read(made, "net", "f00d")
    assert found.weights == random_weights(0) and found.weights.kind == "random"
    assert found.inputs == (TensorSpec("x", (3,), 0.0, 1.0),) and found.size == 500 and found.model.read_bytes() == b"graph" * 100


@pytest.mark.parametrize(
    ("spoil", "wanted"),
    [
        (lambda f: (f / artifact.MODEL).write_bytes(b"graph"), "model.onnx is truncated: 5 bytes, 500 are expected"),
        (lambda f: (f / artifact.MODEL).write_bytes(b"grapf" * 100), "model.onnx was altered"),
        (lambda f: (f / artifact.MODEL).unlink(), "model.onnx is missing"),
        (lambda f: (f / artifact.MANIFEST).unlink(), "no artifact in .*; export the network"),
        (lambda f: (f / artifact.MANIFEST).write_text("{"), "manifest.json is damaged"),
        (lambda f: _edit(f, format=99), r"incompatible version \(format 99, 2 is expected\)"),
        (lambda f: _edit(f, format=1, weights="random, seed 0"), r"incompatible version \(format 1, 2 is expected\)"),
        (lambda f: _edit(f, opset=None), "manifest.json lacks opset"),
    ],
)
def test_a_spoilt_artifact_is_refused(made, spoil, wanted):
    spoil(made)
    with pytest.raises(ArtifactError, match=wanted):
        artifact.read(made)


def _edit(folder, **facts):
    old = json.loads((folder / artifact.MANIFEST).read_text()) | facts
    (folder / artifact.MANIFEST).write_text(json.dumps({key: value for key, value in old.items() if value is not None}))


def test_an_artifact_of_another_network_or_other_weights(made):
    with pytest.raises(ArtifactError, match="holds the network net, unet is expected"):
        artifact.read(made, "unet")
    with pytest.raises(ArtifactError, match="is stale: it holds other weights"):
        artifact.read(made, "net", "beef")


def test_of_two_processes_that_make_the_same_file_the_first_one_stays(made):
    with artifact.writing(made) as folder:
        (folder / artifact.MODEL).write_bytes(b"late")
    assert artifact.read(made).size == 500 and [p.name for p in made.parent.iterdir()] == ["a"]


def test_a_full_disk_leaves_no_half_file_and_keeps_the_old_one(made):
    with pytest.raises(ArtifactError, match=r"No space left on device.*free some space"), artifact.writing(made) as folder:
        (folder / artifact.MODEL).write_bytes(b"half")
        raise OSError(28, "No space left on device")
    assert artifact.read(made).size == 500 and [p.name for p in made.parent.iterdir()] == ["a"]


def test_what_a_killed_process_left_is_removed_and_never_what_a_live_one_writes(tmp_path):
    dead, here = 2**22 + 1, platform.node()  # above Linux's largest process id
    gone = [f".making-{dead}@{here}-abc_1234", ".making-old_name"]
    kept = [f".making-{os.getpid()}@{here}-abc_1234", f".making-{os.getppid()}@{here}-abc_1234", f".making-{dead}@another-abc_1234"]
    for name in (*gone, *kept):
        (tmp_path / name).mkdir()
        (tmp_path / name / artifact.MODEL).write_bytes(b"half")
    for name in (gone[1], kept[0]):
        os.utime(tmp_path / name, (0, 0))
    with artifact.writing(tmp_path / "b") as folder:
        (folder / artifact.MODEL).write_bytes(b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "b"])
    assert all((tmp_path / name / artifact.MODEL).read_bytes() == b"half" for name in kept)


def test_ctrl_c_leaves_no_half_file(tmp_path):
    with pytest.raises(KeyboardInterrupt), artifact.writing(tmp_path / "b"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "told"), [("L", "was L: converted to RGB"), ("RGBA", "transparency: laid on white"), ("CMYK", "was CMYK")]
)
def test_pictures_that_are_converted_say_so(tmp_path, mode, told):
    file = tmp_path / ("p.tif" if mode == "CMYK" else "p.png")
    Image.new(mode, (20, 10)).save(file)
    with pytest.warns(pictures.PictureConverted, match=told):
        assert pictures.read(file, 10).shape == (3, 10, 10)


def test_a_clear_pixel_becomes_white(tmp_path):
    Image.new("RGBA", (10, 10), (255, 0, 0, 0)).save(tmp_path / "p.png")
    with pytest.warns(pictures.PictureConverted):
        assert (pictures.read(tmp_path / "p.png", 10) == 1).all()


def test_a_small_picture_is_enlarged_aloud_and_a_wide_one_cropped_at_its_centre(tmp_path):
    row = np.zeros((4, 12, 3), np.uint8)
    row[:, 4:8] = 255
    Image.fromarray(row).save(tmp_path / "p.png")
    assert (pictures.read(tmp_path / "p.png", 4) == 1).all()
    with pytest.warns(pictures.PictureConverted, match="smaller than 8: enlarged"):
        assert pictures.read(tmp_path / "p.png", 8).shape == (3, 8, 8)


def test_what_is_no_picture(tmp_path):
    (tmp_path / "p.png").write_text("no picture")
    with pytest.raises(PictureError, match=r"p.png is no picture that can be read"):
        pictures.read(tmp_path / "p.png", 8)
    Image.fromarray(np.random.RandomState(0).randint(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / "q.png")
    (tmp_path / "q.png").write_bytes((tmp_path / "q.png").read_bytes()[:2000])
    with pytest.raises(PictureError, match=r"q.png is no picture that can be read"):
        pictures.read(tmp_path / "q.png", 8)
    with pytest.raises(PictureError, match="no picture at"):
        pictures.read(tmp_path / "none.png", 8)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PictureError, match="no picture below"):
        pictures.find(tmp_path / "empty")
    assert [p.name for p in pictures.find(tmp_path)] == ["p.png", "q.png"]
