"""COCO's layout: polygons, a crowd as RLE, gaps in the ids, pictures without an object."""

import json

import numpy as np
import pytest

from bench.worlds.data import coco
from bench.worlds.data._loader import Options, items
from runtime.errors import FvitError

CATEGORIES = [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
PERSON, DOG, BRUSH = 0, 1, 2


def box(x, y, width, height):
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def rle(mask):
    """Uncompressed: runs of 0 and 1 in turn, down the columns, the first of 0."""
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat, prepend=0)).tolist()
    return {"counts": np.diff([0, *edges, flat.size]).tolist(), "size": list(mask.shape)}


CROWD = np.zeros((8, 12), np.uint8)
CROWD[0:3, 4:9] = 1
ANNOTATIONS = [  # picture, category, area, crowd, segmentation
    (139, 18, 12.0, 0, box(0, 0, 3, 4)),
    (139, 18, 6.0, 0, box(7, 1, 3, 2)),  # the same category, partly over the crowd
    (139, 1, 10.0, 0, box(1, 5, 5, 2)),  # less than the larger dog
    (139, 1, 15.0, 1, rle(CROWD)),  # larger, but a crowd
    (285, 1, 4.0, 0, box(0, 0, 2, 2)),
    (285, 90, 9.0, 0, [*box(2, 2, 3, 3), *box(9, 6, 2, 1)]),  # in two parts
    (632, 1, 40.0, 1, rle(CROWD)),  # nothing but a crowd
    (776, 90, 4.0, 0, box(2, 2, 2, 2)),
    (776, 1, 4.0, 0, box(6, 6, 2, 2)),  # as large: the lower id counts
]


@pytest.fixture
def pixels(tmp_path, photo):
    """The whole tree below tmp_path; its pictures by number, 12 x 8."""
    numbers = (785, 776, 632, 285, 139)
    images = [{"id": n, "file_name": f"{n:012d}.jpg", "width": 12, "height": 8} for n in numbers]
    fields = ("image_id", "category_id", "area", "iscrowd", "segmentation")
    objects = [{"id": 900 + i, **dict(zip(fields, one, strict=True))} for i, one in enumerate(ANNOTATIONS)]
    write(tmp_path, {"images": images, "annotations": objects, "categories": CATEGORIES})
    return {n: photo(tmp_path / "val2017" / f"{n:012d}.jpg", n, (12, 8)) for n in numbers}


def write(root, content):
    (root / "annotations").mkdir(exist_ok=True)
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(content))


def content(root):
    return json.loads((root / "annotations" / "instances_val2017.json").read_text())


def full(monkeypatch):
    """Pictures as they are, so that masks can be compared pixel by pixel."""
    seen = {}

    def fitted(picture, mask, fit, name):
        seen[name] = np.asarray(picture), mask
        return real(picture, mask, fit, name)

    real = coco.fitted
    monkeypatch.setattr(coco, "fitted", fitted)
    return seen


def test_labels_masks_and_pictures(tmp_path, pixels, monkeypatch, capsys):
    seen = full(monkeypatch)
    loader = coco.build(Options(tmp_path, 8))
    found, broken = items(loader, range(loader.size))
    assert [(item.name, item.label) for item in found] == [("000000000139", DOG), ("000000000285", BRUSH), ("000000000776", BRUSH)]
    assert broken == [] and loader.classes == ("person", "dog", "toothbrush") and capsys.readouterr().out == ""
    assert "our rule" in loader.notes[0] and loader.notes[1] == "2 of 5 pictures left out: no object is annotated in them"
    dogs = -CROWD.astype(np.int8)
    dogs[0:4, 0:3] = dogs[1:3, 7:10] = 1
    brush = np.zeros((8, 12), np.int8)
    brush[2:5, 2:5] = brush[6:7, 9:11] = 1
    for number, mask in ((139, dogs), (285, brush)):
        assert np.array_equal(seen[f"{number:012d}"][0], pixels[number]) and np.array_equal(seen[f"{number:012d}"][1], mask)
    columns = (np.arange(8) * 2 + 1) * 12 // 16
    assert np.array_equal(found[0].mask.numpy(), dogs[:, columns]) and found[0].image.shape == (3, 8, 8)


def test_a_square_picture_is_read_pixel_by_pixel(tmp_path, photo, same):
    made = photo(tmp_path / "val2017" / "7.jpg", 7)
    one = {"id": 1, "image_id": 7, "category_id": 18, "area": 6, "iscrowd": 0, "segmentation": box(1, 2, 3, 2)}
    write(tmp_path, {"images": [{"id": 7, "file_name": "7.jpg", "width": 8, "height": 8}], "annotations": [one], "categories": CATEGORIES})
    item = coco.build(Options(tmp_path, 8))[0]
    same(item, made)
    assert item.mask.nonzero().tolist() == [[y, x] for y in (2, 3) for x in (1, 2, 3)] and int(item.mask.sum()) == 6


def test_ids_choose_pictures(tmp_path, pixels):
    (tmp_path / "ids.txt").write_text("000000000776.jpg\n000000000139\n")
    assert coco.build(Options(tmp_path, 8, ids=tmp_path / "ids.txt")).names == ("000000000776", "000000000139")
    (tmp_path / "ids.txt").write_text("000000000632\n")
    with pytest.raises(FvitError, match="names 000000000632, not among the 3 pictures"):
        coco.build(Options(tmp_path, 8, ids=tmp_path / "ids.txt"))


def test_a_broken_picture_in_the_middle_and_one_that_is_not_there(tmp_path, pixels):
    torn = tmp_path / "val2017" / "000000000285.jpg"
    torn.write_bytes(torn.read_bytes()[:200])
    (tmp_path / "val2017" / "000000000139.jpg").unlink()
    found, broken = items(coco.build(Options(tmp_path, 8)), range(3))
    assert [item.name for item in found] == ["000000000776"] and [one.index for one in broken] == [0, 1]
    assert "no picture at" in broken[0].reason and "000000000285.jpg is no picture that can be read" in broken[1].reason


def test_a_picture_of_another_size_and_a_damaged_annotation(tmp_path, pixels, photo):
    photo(tmp_path / "val2017" / "000000000139.jpg", 1, (8, 12))
    made = content(tmp_path)
    made["annotations"][5]["segmentation"] = {"counts": [3, 4], "size": "x"}
    write(tmp_path, made)
    found, broken = items(coco.build(Options(tmp_path, 8)), range(3))
    assert len(found) == 1 and broken[0].reason.startswith("000000000139 is 8 x 12, its mask 12 x 8;")
    assert broken[1].reason.startswith("the annotations of 000000000285 cannot be read")


@pytest.mark.parametrize("gone", ["val2017", "annotations/instances_val2017.json"])
def test_what_is_missing_and_where_it_comes_from(tmp_path, pixels, gone):
    (tmp_path / gone).rename(tmp_path / "away")
    with pytest.raises(FvitError, match=rf"no (folder|file) .*{gone}; .* expected there, from https://cocodataset.org/#download"):
        coco.build(Options(tmp_path, 8))


def test_a_cut_off_file_and_captions(tmp_path, pixels):
    path = tmp_path / "annotations" / "instances_val2017.json"
    made = content(tmp_path)
    path.write_text(path.read_text()[:-40])
    with pytest.raises(FvitError, match=r"instances_val2017.json cannot be read \(JSONDecodeError"):
        coco.build(Options(tmp_path, 8))
    made["annotations"][0]["category_id"] = 2
    write(tmp_path, made)
    with pytest.raises(FvitError, match=r"describes no objects of known categories"):
        coco.build(Options(tmp_path, 8))
    captions = [{"id": 1, "image_id": 139, "caption": "a dog"}]
    write(tmp_path, {"images": made["images"], "annotations": captions})
    with pytest.raises(FvitError, match=r"describes no objects of known categories; instances_val2017.json is expected"):
        coco.build(Options(tmp_path, 8))
