"""Data sets as their publishers lay them out, small, of random pictures: what a rehearsal reads in place of the real ones, and the tests."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

SEGMENTED = ["n02119789_12", "n01440764_7", "n00001740_3"]  # kit fox, tench, and a wnid that is no class
SIZES = [(8, 8), (11, 6), (8, 8)]  # width, height
TENCH = "n01440764"
CATEGORIES = ({"id": 1, "name": "person"}, {"id": 18, "name": "dog"})
NAMES = ("imagenet", "imagenet_seg", "coco", "cityscapes")
Pixels = list[np.ndarray]


def write(folder: Path, names: Sequence[str] = NAMES) -> dict[str, dict[str, Any]]:
    """The data sets `names` below `folder`, a picture or two each, and the options that read them."""
    made = {
        "imagenet": lambda: imagenet(folder / "imagenet"),
        "imagenet_seg": lambda: gtsegs(folder / "gtsegs_ijcv.mat", sizes=[(250, 240)] * len(SEGMENTED)),
        "coco": lambda: coco(folder / "coco", CATEGORIES, (250, 240)),
        "cityscapes": lambda: cityscapes(folder / "cityscapes", (250, 240)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        made[name]()
    return {name: {"root": folder / ("gtsegs_ijcv.mat" if name == "imagenet_seg" else name)} for name in names}


def imagenet(root: Path, size: tuple[int, int] = (250, 240)) -> None:
    """One picture in a class folder below val/."""
    path = root / "val" / TENCH / "ILSVRC2012_val_00000293.JPEG"
    path.parent.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "JPEG")


def gtsegs(path: Path, ids: Sequence[str] = SEGMENTED, sizes: Sequence[tuple[int, int]] = SIZES) -> tuple[Pixels, Pixels]:
    """gtsegs_ijcv.mat as MATLAB v7.3 writes it: HDF5 after a block of 512 bytes, references, arrays transposed, text as UTF-16.

    Returns pictures (H, W, 3) and masks (H, W).
    """
    draw = np.random.default_rng(0)
    images = [draw.integers(0, 256, (h, w, 3), dtype=np.uint8) for w, h in sizes]
    masks = [draw.integers(0, 2, (h, w), dtype=np.uint8) for w, h in sizes]
    with h5py.File(path, "w", userblock_size=512) as file:
        refs = file.create_group("#refs#")
        columns = {
            "img": [_array(refs, image.transpose(2, 1, 0), "uint8") for image in images],
            "gt": [_cell(refs, [mask.T, 1 - mask.T]) for mask in masks],  # a second one, which does not count
        }
        if ids:
            columns["id"] = [_array(refs, np.frombuffer(name.encode("utf-16-le"), "<u2")[:, None], "char") for name in ids]
        for name, targets in columns.items():
            table = file.create_dataset(f"value/{name}", (len(targets), 1), h5py.ref_dtype)
            table[:, 0] = [target.ref for target in targets]
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return images, masks


def _array(refs: Any, values: np.ndarray, kind: str) -> Any:
    made = refs.create_dataset(str(len(refs)), data=values)
    made.attrs["MATLAB_class"] = np.bytes_(kind)
    return made


def _cell(refs: Any, arrays: Pixels) -> Any:
    parts = [_array(refs, array, "uint8") for array in arrays]
    made = refs.create_dataset(str(len(refs)), (len(parts), 1), h5py.ref_dtype)
    made[:, 0] = [part.ref for part in parts]
    return made


def coco(root: Path, categories: Sequence[dict[str, Any]], size: tuple[int, int] = (180, 170)) -> None:
    """One picture for each category, a box of it in the middle and a smaller one of the next in a corner."""
    (root / "val2017").mkdir(parents=True)
    (root / "annotations").mkdir()
    rng, (width, height) = np.random.default_rng(0), size
    images, objects = [], []
    for i, category in enumerate(categories):
        name = f"{i:012d}.jpg"
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(root / "val2017" / name)
        images.append({"id": i, "file_name": name, "width": width, "height": height})
        other = categories[(i + 1) % len(categories)]
        for kind, (x, y, side) in ((category, (50, 50, 60)), (other, (0, 0, 20))):
            outline = [[x, y, x + side, y, x + side, y + side, x, y + side]]
            found = {"id": len(objects), "image_id": i, "category_id": kind["id"], "area": float(side * side), "iscrowd": 0}
            objects.append(found | {"segmentation": outline})
    written = {"images": images, "annotations": objects, "categories": categories}
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(written))


def cityscapes(root: Path, size: tuple[int, int] = (180, 170)) -> None:
    """One picture of a street with a car, one without anything that counts."""
    rng = np.random.default_rng(0)
    for i in range(2):
        ids = np.full((size[1], size[0]), 7, np.uint8)  # road
        ids[40:100, 30:120] = 26 if i == 0 else 7  # car
        stem = f"ulm_00000{i}_000019"
        for kind, end, pixels in (
            ("gtFine", "gtFine_labelIds", ids),
            ("leftImg8bit", "leftImg8bit", rng.integers(0, 256, (*ids.shape, 3), dtype=np.uint8)),
        ):
            folder = root / kind / "val" / "ulm"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / f"{stem}_{end}.png")
