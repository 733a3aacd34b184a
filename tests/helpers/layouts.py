"""Data sets as their publishers lay them out, small, of random pictures."""

import json

import h5py
import numpy as np
from PIL import Image

SEGMENTED = ["n02119789_12", "n01440764_7", "n00001740_3"]  # kit fox, tench, and a wnid that is no class
SIZES = [(8, 8), (11, 6), (8, 8)]  # width, height


def gtsegs(path, ids=SEGMENTED, sizes=SIZES):
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


def _array(refs, values, kind):
    made = refs.create_dataset(str(len(refs)), data=values)
    made.attrs["MATLAB_class"] = np.bytes_(kind)
    return made


def _cell(refs, arrays):
    parts = [_array(refs, array, "uint8") for array in arrays]
    made = refs.create_dataset(str(len(refs)), (len(parts), 1), h5py.ref_dtype)
    made[:, 0] = [part.ref for part in parts]
    return made


def coco(root, categories, size=(180, 170)):
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


def cityscapes(root, size=(180, 170)):
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
