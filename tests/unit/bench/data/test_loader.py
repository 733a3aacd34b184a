"""The shape all data sets have: items by index, broken ones named and left out, ids, and both sizes of a picture and its mask."""

import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from bench.worlds.data import _reading
from bench.worlds.data import _small as layouts
from bench.worlds.data._loader import Broken, Loader, Options, items, refuse
from runtime import plugins
from runtime.errors import FvitError, PictureError
from runtime.pictures import Crop


def read(name, entry):
    if entry is None:
        raise PictureError(f"{name} is torn")
    return torch.full((3, 2, 2), entry), int(10 * entry), None


LOADER = Loader("five", {"a": 0.1, "b": None, "c": 0.3, "d": None, "e": 0.5}, read)


def test_broken_pictures_are_named_and_the_rest_keep_their_numbers():
    found, broken = items(LOADER, [4, 3, 2, 1])
    assert [(item.name, item.index, item.label) for item in found] == [("e", 4, 5), ("c", 2, 3)]
    assert broken == [Broken("d", 3, "d is torn"), Broken("b", 1, "b is torn")]
    assert len(LOADER) == LOADER.size == 5 and LOADER.names == ("a", "b", "c", "d", "e")


@pytest.mark.parametrize("index", [5, -1])
def test_a_number_outside_is_no_broken_picture(index):
    with pytest.raises(FvitError, match=f"five has the pictures 0 to 4, {index} given"):
        items(LOADER, [0, index])


def test_any_other_error_goes_through():
    def fail(name, entry):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        items(Loader("bad", {"a": 1}, fail), [0])


@pytest.mark.parametrize("name", ["imagenet_seg", "coco", "cityscapes"])
def test_its_digest_changes_with_the_files_of_labels_and_masks(tmp_path, name):
    root = tmp_path / "root"
    if name == "imagenet_seg":
        layouts.gtsegs(root)
    elif name == "coco":
        layouts.coco(root, [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}])
    else:
        layouts.cityscapes(root)
    build = plugins.load("bench.worlds.data", name).build
    loader, again = (build(Options(root, 8)) for _ in range(2))
    assert loader.digest == again.digest and loader.truth
    with loader.truth[-1].open("ab") as file:
        file.write(b" ")
    assert build(Options(root, 8)).digest != loader.digest


def test_its_digest_changes_with_a_label_and_not_with_a_folder():
    first, moved, other = (
        Loader("six", {"a": (Path(folder, "a.png"), label)}, read).digest for folder, label in (("x", 1), ("y", 1), ("x", 2))
    )
    assert first == moved != other


def test_a_loader_pickles():
    again = pickle.loads(pickle.dumps(Loader("five", {"a": 0.1}, partial(read))))
    assert torch.equal(again[0].image, torch.full((3, 2, 2), 0.1))


def test_ids_choose_and_order(tmp_path):
    ids = tmp_path / "ids.txt"
    ids.write_text("\ufeffval/c.JPEG\n\n a.b \n", encoding="utf-8")
    assert list(_reading.entries([("a.b", 1), ("b", 2), ("c", 3)], tmp_path, ids).items()) == [("c", 3), ("a.b", 1)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "x1\na\nx2\nx3\nx4\nx5\nx6\nx7\n",
            r"ids.txt names x1, x2, x3, x4, x5 and 2 more, not among the 2 pictures .* names like a are expected",
        ),
        ("a\nb\na.png\n", "ids.txt has a more than once"),
        ("\n", "ids.txt is empty"),
    ],
)
def test_ids_that_cannot_be_meant(tmp_path, text, wanted):
    (tmp_path / "ids.txt").write_text(text)
    with pytest.raises(FvitError, match=wanted):
        _reading.entries([("a", 1), ("b", 2)], tmp_path, tmp_path / "ids.txt")


def test_no_ids_file_no_pictures_and_twice_the_same_name(tmp_path):
    with pytest.raises(FvitError, match=r"ids.txt cannot be read \(FileNotFoundError\); a file with one picture name a line"):
        _reading.entries([("a", 1)], tmp_path, tmp_path / "ids.txt")
    with pytest.raises(FvitError, match="no picture below"):
        _reading.entries([], tmp_path, None)
    with pytest.raises(FvitError, match="has a more than once"):
        _reading.entries([("a", 1), ("a", 2)], tmp_path, None)


def test_a_data_set_refuses_what_it_has_no_use_for():
    with pytest.raises(FvitError, match="coco has no use for masks, synsets"):
        refuse(Options(Path("x"), 8, masks=Path("m"), synsets=Path("s")), "coco", "masks", "labels", "synsets")


def test_squashed_as_the_reference_does(rng):
    """Their transforms: Resize((side, side)), bilinear for the picture and NEAREST for the mask, no crop."""
    picture = Image.fromarray(torch.randint(0, 256, (20, 31, 3), generator=rng, dtype=torch.uint8).numpy())
    mask = torch.randint(-1, 2, (20, 31), generator=rng, dtype=torch.int8).numpy()
    image, small = _reading.fitted(picture, mask, 16, "p")
    assert torch.equal(image, transforms.Compose([transforms.Resize((16, 16)), transforms.ToTensor()])(picture))
    theirs = transforms.Resize((16, 16), transforms.InterpolationMode.NEAREST)(Image.fromarray(mask.astype(np.int32)))
    assert small.dtype == torch.int8 and set(small.unique().tolist()) == {-1, 0, 1}
    assert np.array_equal(small.numpy(), np.asarray(theirs))


def test_a_mask_is_cut_as_its_picture_is():
    """A picture that shows its mask in red, in blocks larger than a pixel of the result."""
    blocks = np.random.default_rng(0).integers(0, 2, (6, 10), dtype=np.int8)
    mask = np.kron(blocks, np.ones((50, 50), np.int8))
    picture = Image.fromarray(np.stack([255 * mask.astype(np.uint8)] * 3, -1))
    for crop in (Crop(224, 248), Crop(224, 256, "bilinear"), Crop(224, 224), Crop(224, 248, squash=True)):
        image, small = _reading.fitted(picture, mask, crop, "p")
        assert image.shape[1:] == small.shape == (224, 224)
        assert ((image[0] > 0.5) == (small == 1)).float().mean() > 0.99  # but for half a pixel along the edges
        nearest, same = _reading.fitted(picture, mask, replace(crop, interpolation="nearest"), "p")
        assert torch.equal(nearest[0] == 1, small == 1) and torch.equal(same, small)


def test_an_object_that_the_crop_leaves_out():
    mask = np.zeros((100, 200), np.int8)
    mask[:, :40] = 1
    with pytest.raises(PictureError, match="mask of p has no pixel of an object in the 50 x 50 that are kept"):
        _reading.fitted(Image.new("RGB", (200, 100)), mask, Crop(50, 50), "p")
    assert (_reading.fitted(Image.new("RGB", (200, 100)), mask, 50, "p")[1] == 1).any()


def test_a_mask_of_another_size_and_one_without_an_object():
    picture = Image.new("RGB", (31, 20))
    with pytest.raises(PictureError, match="p is 31 x 20, its mask 20 x 31"):
        _reading.fitted(picture, np.ones((31, 20), np.int8), 8, "p")
    mask = np.zeros((20, 31), np.int8)
    mask[0, 0] = 1  # not among the pixels that are kept
    with pytest.raises(PictureError, match="mask of p has no pixel of an object in the 8 x 8"):
        _reading.fitted(picture, mask, 8, "p")


@pytest.mark.parametrize(("mode", "wanted"), [("RGB", "4 x 6 x 3 uint8"), ("LA", "4 x 6 x 2 uint8"), ("I;16", "4 x 6 uint16")])
def test_a_mask_with_colours_or_more_bits(tmp_path, mode, wanted):
    Image.new(mode, (6, 4)).save(tmp_path / "mask.png")
    with pytest.raises(PictureError, match=f"mask.png is {wanted}; one channel of at most 8 bits is expected"):
        _reading.levels(tmp_path / "mask.png")


@pytest.mark.parametrize("reader", [_reading.image, _reading.levels])
def test_a_header_that_promises_too_many_pixels(tmp_path, vast, reader):
    vast(tmp_path / "vast.bmp")
    with pytest.raises(PictureError, match=r"vast.bmp is no picture that can be read \(DecompressionBombError: .*3600000000 pixels"):
        reader(tmp_path / "vast.bmp")


def test_a_mask_of_one_bit_is_read(tmp_path):
    Image.fromarray(np.eye(3, dtype=bool)).save(tmp_path / "mask.png")
    assert np.array_equal(_reading.levels(tmp_path / "mask.png"), np.eye(3, dtype=np.uint8))


@pytest.mark.parametrize(
    ("name", "module", "file"),
    [("imagenet_seg", "h5py", "gtsegs_ijcv.mat"), ("coco", "pycocotools.coco", "annotations/instances_val2017.json")],
)
def test_without_the_optional_package(tmp_path, monkeypatch, name, module, file):
    from runtime import plugins

    (tmp_path / "val2017").mkdir()
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("{}")
    monkeypatch.setitem(__import__("sys").modules, module, None)
    root = tmp_path / file if name == "imagenet_seg" else tmp_path
    with pytest.raises(FvitError, match=rf"{name} needs {module.split('.')[0]}, .*; pip install 'fvit-bench\[data\]'"):
        plugins.load("bench.worlds.data", name).build(Options(root, 8))
