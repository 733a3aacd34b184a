"""One's own pictures, masks and labels."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.worlds.data import folder
from bench.worlds.data._loader import Options, items
from bench.worlds.paper import CROPS, Paper
from bench.worlds.world import Brought
from runtime.errors import FvitError
from runtime.pictures import Crop


@pytest.fixture
def own(tmp_path, photo):
    """Three pictures with masks, of 0/255, of 0/1, and of one bit; (pixels, masks) by name."""
    pixels = {name: photo(tmp_path / "pictures" / f"{name}{suffix}", i) for i, (name, suffix) in enumerate(SUFFIXES.items())}
    masks = {name: np.random.default_rng(9 + i).integers(0, 2, (8, 8), dtype=np.uint8) for i, name in enumerate(SUFFIXES)}
    (tmp_path / "masks").mkdir()
    for name, written in zip(masks, (255 * masks["a.b"], masks["c"], masks["d"].astype(bool)), strict=True):
        Image.fromarray(written).save(tmp_path / "masks" / f"{name}.png")
    return pixels, masks


SUFFIXES = {"a.b": ".jpg", "c": ".png", "d": ".PNG"}


def options(tmp_path, labels=None):
    if labels is None:
        return Options(tmp_path / "pictures", 8, masks=tmp_path / "masks")
    (tmp_path / "labels.csv").write_text(labels)
    return Options(tmp_path / "pictures", 8, masks=tmp_path / "masks", labels=tmp_path / "labels.csv")


def test_pictures_masks_and_labels(tmp_path, own, same):
    pixels, masks = own
    loader = folder.build(options(tmp_path, "label,name\n7,c.png\n0,a.b\n999,d\n5,another\n"))
    found, broken = items(loader, range(3))
    assert [(item.name, item.label) for item in found] == [("a.b", 0), ("c", 7), ("d", 999)] and broken == [] and loader.notes == ()
    for item in found:
        same(item, pixels[item.name])
        assert np.array_equal(item.mask.numpy(), masks[item.name])


def test_its_digest_is_of_labels_and_masks_and_of_no_folder_or_time(tmp_path, own):
    text = "name,label\na.b,1\nc,2\nd,3\n"
    first = folder.build(options(tmp_path, text)).digest
    assert folder.build(options(tmp_path, text.replace("c,2", "c,4"))).digest != first != folder.build(options(tmp_path)).digest
    shutil.copytree(tmp_path, tmp_path / "copy")
    for file in (tmp_path / "copy" / "masks").iterdir():
        os.utime(file, (0, 0))
    assert folder.build(options(tmp_path / "copy", text)).digest == first
    Image.fromarray(np.full((8, 8), 255, np.uint8)).save(tmp_path / "masks" / "c.png")
    assert folder.build(options(tmp_path, text)).digest != first


def test_a_campaign_does_not_mix_two_files_of_labels(tmp_path, own):
    given = []
    for name, label in (("one", 1), ("two", 2)):
        (tmp_path / f"{name}.csv").write_text(f"name,label\na.b,{label}\nc,2\nd,3\n")
        data = {"root": tmp_path / "pictures", "masks": tmp_path / "masks", "labels": tmp_path / f"{name}.csv"}
        given.append(Paper(Brought(data={"folder": data})).facts())
    assert given[0] != given[1]


def test_the_crop_is_chosen_by_name_and_part_of_the_campaign(tmp_path, own):
    (tmp_path / "labels.csv").write_text("name,label\na.b,1\nc,2\nd,3\n")
    data = {"folder": {"root": tmp_path / "pictures", "masks": tmp_path / "masks", "labels": tmp_path / "labels.csv"}}
    worlds = {name: Paper(Brought(data=data, crop=name)) for name in CROPS}
    assert worlds["timm"].fit(Crop(224, 248)) == Crop(224, 248) and worlds["whole"].fit(Crop(224, 248)) == 224
    assert worlds["printed"].fit(Crop(224, 248)) == Crop(224, 256, "bilinear")
    assert [world.facts()["crop"] for world in worlds.values()] == list(CROPS)
    assert len({world.notes()[0] for world in worlds.values()}) == 3 and "256" in worlds["printed"].notes()[0]
    assert "crop" not in Paper(Brought()).facts() and Paper(Brought()).notes() == []
    with pytest.raises(FvitError, match=r"unknown crop 'prnted'.*nearest: printed"):
        Paper(Brought(crop="prnted"))


def test_a_data_set_from_outside_whose_options_know_no_crop(monkeypatch, tmp_path, own):
    @dataclass(frozen=True)
    class Old:
        root: Path
        side: int

    monkeypatch.setattr(folder, "Options", Old)
    with pytest.raises(FvitError, match="folder: its Options have no crop; add it"):
        Paper(Brought(data={"folder": {"root": tmp_path / "pictures"}})).loader("folder")


def test_without_labels(tmp_path, own):
    loader = folder.build(options(tmp_path))
    assert [item.label for item in items(loader, range(3))[0]] == [-1, -1, -1]
    assert loader.notes == ("labels unknown: no labels file was given",)


def test_hidden_files_and_other_kinds_are_no_pictures(tmp_path, own):
    for name in ("._c.png", "notes.txt"):  # the first is what a Mac's archives leave beside each file
        (tmp_path / "pictures" / name).write_bytes(b"")
    assert folder.build(options(tmp_path)).names == ("a.b", "c", "d")


def test_ids_choose_pictures(tmp_path, own):
    (tmp_path / "ids.txt").write_text("d\na.b.jpg\n")
    chosen = Options(tmp_path / "pictures", 8, masks=tmp_path / "masks", ids=tmp_path / "ids.txt")
    assert folder.build(chosen).names == ("d", "a.b")
    (tmp_path / "ids.txt").write_text("d\ne\n")
    with pytest.raises(FvitError, match="names e, not among the 3 pictures"):
        folder.build(chosen)


def test_a_broken_picture_in_the_middle_and_a_mask_of_grey(tmp_path, own):
    (tmp_path / "pictures" / "c.png").write_bytes(b"no picture")
    Image.fromarray(np.full((8, 8), 128, np.uint8)).save(tmp_path / "masks" / "d.png")
    found, broken = items(folder.build(options(tmp_path)), range(3))
    assert [item.name for item in found] == ["a.b"] and [one.index for one in broken] == [1, 2]
    assert "c.png is no picture that can be read (UnidentifiedImageError" in broken[0].reason
    assert "d.png holds [128]; 0 and 255, or 0 and 1, are expected" in broken[1].reason


def test_a_mask_of_another_size(tmp_path, own):
    Image.fromarray(np.ones((6, 5), np.uint8)).save(tmp_path / "masks" / "c.png")
    broken = items(folder.build(options(tmp_path)), range(3))[1]
    assert [one.reason for one in broken] == ["c is 8 x 8, its mask 5 x 6; a mask of its picture's size is expected"]


def test_a_grey_picture_is_made_rgb_and_told(tmp_path, own):
    from runtime.pictures import PictureConverted

    Image.new("L", (8, 8), 51).save(tmp_path / "pictures" / "c.png")
    with pytest.warns(PictureConverted, match=r"c.png was L: converted to RGB"):
        item = folder.build(options(tmp_path))[1]
    assert item.image.unique().tolist() == pytest.approx([0.2])


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ("name,label\na.b,1\n", r"labels.csv has no label for c, d \(2 of 3 pictures\); a line for each is expected"),
        ("a.b,1\n", "labels.csv has the columns a.b, 1; name and label are expected in its first line"),
        ("name,label\na.b,1\nc,dog\n", "labels.csv, line 3: 'dog' is no class number"),
        ("name,label\na.b\n", "labels.csv, line 2: None is no class number"),
        ("name,label\na.b,1\na.b.jpg,2\n", "labels.csv gives a.b.jpg two labels, 1 and 2"),
        ("", "labels.csv has the columns ;"),
    ],
)
def test_labels_that_do_not_fit(tmp_path, own, labels, wanted):
    with pytest.raises(FvitError, match=wanted):
        folder.build(options(tmp_path, labels))


def test_what_is_missing(tmp_path, own):
    with pytest.raises(FvitError, match=r"no folder .*nowhere; pictures are expected there, from your own disk"):
        folder.build(Options(tmp_path / "nowhere", 8, masks=tmp_path / "masks"))
    with pytest.raises(FvitError, match=r"masks of the pictures in .* are expected; give the folder"):
        folder.build(Options(tmp_path / "pictures", 8))
    (tmp_path / "masks" / "a.b.png").unlink()
    with pytest.raises(FvitError, match=r"masks has no mask for a.b.jpg \(1 of 3 pictures\)"):
        folder.build(options(tmp_path))


def test_a_missing_labels_file(tmp_path, own):
    with pytest.raises(
        FvitError, match=r"labels.csv cannot be read \(FileNotFoundError\); a CSV file with the header name,label is expected"
    ):
        folder.build(Options(tmp_path / "pictures", 8, masks=tmp_path / "masks", labels=tmp_path / "labels.csv"))
