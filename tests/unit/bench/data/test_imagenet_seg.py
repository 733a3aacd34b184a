"""gtsegs_ijcv.mat as MATLAB v7.3 writes it: HDF5 after a block of 512 bytes, references, arrays transposed, text as UTF-16."""

import pickle

import h5py
import numpy as np
import pytest
import torch

from bench.worlds.data import imagenet_seg
from bench.worlds.data._loader import Options, items
from bench.worlds.data._small import SEGMENTED, gtsegs
from runtime.errors import FvitError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gtsegs_ijcv.mat"


def test_pictures_masks_and_labels(path, same):
    images, masks = gtsegs(path)
    loader = imagenet_seg.build(Options(path, 8))
    found, broken = items(loader, range(3))
    assert [(item.name, item.label) for item in found] == list(zip(SEGMENTED, [278, 0, -1], strict=True)) and broken == []
    assert loader.notes == ("1 of 3 pictures have no label: their id names no class of ImageNet's 1,000",)
    for i in (0, 2):
        same(found[i], images[i])
        assert found[i].mask.dtype == torch.int8 and np.array_equal(found[i].mask.numpy(), masks[i])
    rows, columns = (np.arange(8) * 2 + 1) * 6 // 16, (np.arange(8) * 2 + 1) * 11 // 16  # where the nearest pixels lie
    assert np.array_equal(found[1].mask.numpy(), masks[1][rows][:, columns])


def test_it_can_be_read_in_another_process(path):
    gtsegs(path)
    loader = imagenet_seg.build(Options(path, 8))
    assert torch.equal(pickle.loads(pickle.dumps(loader))[1].image, loader[1].image)


def test_ids_choose_pictures(path, tmp_path, same):
    images, _ = gtsegs(path)
    (tmp_path / "ids.txt").write_text("n00001740_3\nn02119789_12\n")
    loader = imagenet_seg.build(Options(path, 8, ids=tmp_path / "ids.txt"))
    same(loader[0], images[2])
    same(loader[1], images[0])
    (tmp_path / "ids.txt").write_text("n02119789_13\n")
    with pytest.raises(FvitError, match="names n02119789_13, not among the 3 pictures"):
        imagenet_seg.build(Options(path, 8, ids=tmp_path / "ids.txt"))


def test_a_file_without_ids_has_numbers_and_no_labels(path, same):
    images, _ = gtsegs(path, ids=None)
    loader = imagenet_seg.build(Options(path, 8))
    assert loader.names == ("00000", "00001", "00002") and [loader[i].label for i in range(3)] == [-1, -1, -1]
    assert loader.notes[0].startswith("3 of 3 pictures have no label")
    same(loader[2], images[2])


def test_broken_pictures_in_the_middle(path):
    gtsegs(path)
    with h5py.File(path, "r+") as file:
        flat = file.create_dataset("#refs#/flat", data=np.zeros((8, 8), np.uint8))
        file["value/img"][1, 0] = flat.ref
        file[file[file["value/gt"][2, 0]][0, 0]][0, 0] = 7
    found, broken = items(imagenet_seg.build(Options(path, 8)), range(3))
    assert [item.name for item in found] == [SEGMENTED[0]] and [one.name for one in broken] == SEGMENTED[1:]
    assert "cannot be read (ValueError" in broken[0].reason
    assert "holds [0, 1, 7]; 0 and 1 are expected" in broken[1].reason


def test_a_mask_of_another_size(path):
    gtsegs(path)
    with h5py.File(path, "r+") as file:
        file["value/gt"][0, 0] = file["value/gt"][1, 0]
    found, broken = items(imagenet_seg.build(Options(path, 8)), range(3))
    assert len(found) == 2 and broken[0].reason.startswith("n02119789_12 is 8 x 8, its mask 11 x 6;")


@pytest.mark.parametrize("part", [0.9, 0.5, 0.05])
def test_a_truncated_file(path, part):
    gtsegs(path)
    size = int(path.stat().st_size * part)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(
        FvitError,
        match=rf"gtsegs_ijcv.mat \({size:,} bytes\) is cut off, damaged or another file .*; get it whole from http://calvin-vision",
    ):
        imagenet_seg.build(Options(path, 8))


def test_a_missing_file_a_page_of_html_and_another_gtsegs(path):
    with pytest.raises(FvitError, match=r"no file .*gtsegs_ijcv.mat; gtsegs_ijcv.mat is expected there, from http://calvin-vision.net"):
        imagenet_seg.build(Options(path, 8))
    path.write_text("<html>404</html>")
    with pytest.raises(FvitError, match=r"\(16 bytes\) is cut off, damaged or another file"):
        imagenet_seg.build(Options(path, 8))
    with h5py.File(path, "w") as file:
        file["value/img"], file["other"] = np.zeros((1, 1)), np.zeros(1)
    with pytest.raises(FvitError, match=r"holds other, value, but no value/gt; gtsegs_ijcv.mat is expected"):
        imagenet_seg.build(Options(path, 8))
