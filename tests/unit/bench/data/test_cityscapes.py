"""Cityscapes' tree: cities, labelIds, things and void."""

import numpy as np
import pytest
from PIL import Image

from bench.worlds.data import cityscapes
from bench.worlds.data._loader import Options, items
from runtime.errors import FvitError

ROAD, CAR, PERSON, CARAVAN, RAIL, EGO, PLATE = 7, 26, 24, 29, 10, 1, 255  # ids in the file


def truth(root, city, number, areas, size=(8, 8)):
    """Writes labelIds: all road but for `areas`, {id: (rows, columns)}."""
    ids = np.full((size[1], size[0]), ROAD, np.uint8)
    for value, (rows, columns) in areas.items():
        ids[rows, columns] = value
    path = root / "gtFine" / "val" / city / f"{city}_{number}_019_gtFine_labelIds.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(ids).save(path)
    return ids


@pytest.fixture
def tree(tmp_path, photo):
    """Two cities, three pictures; pixels by name."""
    top, bottom, left, right = slice(0, 3), slice(6, 8), slice(0, 4), slice(6, 8)
    truth(tmp_path, "lindau", "000", {CAR: (top, left), PERSON: (bottom, slice(0, 5)), EGO: (slice(4, 5), left), PLATE: (top, right)})
    truth(tmp_path, "frankfurt", "001", {PERSON: (bottom, left), CARAVAN: (top, slice(0, 8)), RAIL: (bottom, right)})
    truth(tmp_path, "frankfurt", "002", {CAR: (top, left), PERSON: (slice(4, 7), left)})
    names = [("frankfurt", "001"), ("frankfurt", "002"), ("lindau", "000")]
    return {
        f"{city}_{n}_019": photo(tmp_path / "leftImg8bit" / "val" / city / f"{city}_{n}_019_leftImg8bit.png", i)
        for i, (city, n) in enumerate(names)
    }


def test_labels_masks_and_pictures(tmp_path, tree, same):
    loader = cityscapes.build(Options(tmp_path, 8))
    found, broken = items(loader, range(3))
    assert [item.name for item in found] == list(tree) and broken == [] and len(loader.classes) == 19
    assert [loader.classes[item.label] for item in found] == ["person", "person", "car"] and [item.label for item in found] == [11, 11, 13]
    for item in found:
        same(item, tree[item.name])
    person = np.zeros((8, 8), int)  # a caravan is larger, but left out of the evaluation: void
    person[6:8, 0:4], person[0:3], person[6:8, 6:8] = 1, -1, -1
    car = np.zeros((8, 8), int)
    car[0:3, 0:4], car[4, 0:4], car[0:3, 6:8] = 1, -1, -1
    for item, mask in ((found[0], person), (found[2], car)):
        assert np.array_equal(item.mask.numpy(), mask)
    assert "our rule" in loader.notes[0]


def test_a_wide_picture_is_squashed_not_cropped(tmp_path, photo):
    photo(tmp_path / "leftImg8bit" / "val" / "x" / "x_1_019_leftImg8bit.png", 0, (16, 8))
    ids = truth(tmp_path, "x", "1", {CAR: (slice(0, 2), slice(0, 3)), PERSON: (slice(2, 3), slice(15, 16))}, (16, 8))
    item = cityscapes.build(Options(tmp_path, 8))[0]
    assert item.label == 13 and np.array_equal(item.mask.numpy(), (ids == CAR)[:, 1::2])


def test_broken_pictures_in_the_middle(tmp_path, tree):
    path = tmp_path / "leftImg8bit" / "val" / "frankfurt" / "frankfurt_001_019_leftImg8bit.png"
    path.write_bytes(path.read_bytes()[:100])
    truth(tmp_path, "frankfurt", "002", {})
    found, broken = items(cityscapes.build(Options(tmp_path, 8)), range(3))
    assert [item.name for item in found] == ["lindau_000_019"] and [one.index for one in broken] == [0, 1]
    assert "frankfurt_001_019_leftImg8bit.png is no picture that can be read" in broken[0].reason
    assert broken[1].reason.startswith(
        "frankfurt_002_019 shows no person, rider, car, truck, bus, train, motorcycle, bicycle: it has no label"
    )


def test_a_mask_of_another_size_and_ids_that_are_none(tmp_path, tree):
    truth(tmp_path, "frankfurt", "001", {CAR: (slice(0, 3), slice(0, 3))}, (4, 8))
    truth(tmp_path, "lindau", "000", {34: (slice(0, 3), slice(0, 3)), 200: (slice(5, 6), slice(5, 6))})
    broken = items(cityscapes.build(Options(tmp_path, 8)), range(3))[1]
    assert broken[0].reason.startswith("frankfurt_001_019 is 8 x 8, its mask 4 x 8;")
    assert "holds [34, 200], no ids of Cityscapes; a labelIds file is expected" in broken[1].reason


def test_ids_choose_pictures(tmp_path, tree):
    (tmp_path / "ids.txt").write_text("lindau_000_019\nfrankfurt_001_019\n")
    assert cityscapes.build(Options(tmp_path, 8, ids=tmp_path / "ids.txt")).names == ("lindau_000_019", "frankfurt_001_019")
    (tmp_path / "ids.txt").write_text("lindau_000_019_leftImg8bit.png\n")
    with pytest.raises(
        FvitError, match=r"names lindau_000_019_leftImg8bit, not among the 3 pictures .*; names like frankfurt_001_019 are expected"
    ):
        cityscapes.build(Options(tmp_path, 8, ids=tmp_path / "ids.txt"))


@pytest.mark.parametrize(
    ("gone", "wanted"),
    [
        (
            "leftImg8bit/val",
            "no folder .*leftImg8bit/val; Cityscapes' pictures are expected there, from https://www.cityscapes-dataset.com/downloads",
        ),
        ("gtFine/val", "no folder .*gtFine/val; Cityscapes' fine annotations are expected there"),
        ("gtFine/val/lindau", "has no folder for lindau, which .*; unpack both archives"),
        (
            "gtFine/val/frankfurt/frankfurt_002_019_gtFine_labelIds.png",
            r"no \*_gtFine_labelIds.png below .* for frankfurt_002_019 \(1 of 3 pictures\)",
        ),
    ],
)
def test_what_is_missing_and_where_it_comes_from(tmp_path, tree, gone, wanted):
    (tmp_path / gone).rename(tmp_path / "away")
    with pytest.raises(FvitError, match=wanted):
        cityscapes.build(Options(tmp_path, 8))
