"""One's own pictures: a folder of them, and a folder of masks with the same stems.

A mask is a PNG of one channel, 0 on the ground and 255 (or 1) on the object, of its picture's size. `labels` is a CSV file with the header
name,label: a picture's stem, with or without suffix, and its class's number in the network. Without it labels are -1 (unknown).
"""

import csv
import functools
from pathlib import Path

import numpy as np

from bench.worlds.data._loader import Loader, Options, Parts, refuse
from bench.worlds.data._reading import entries, few, files, fitted, folder_at, image, levels, lines, stem
from runtime.errors import FvitError, PictureError
from runtime.pictures import Crop

COLUMNS = ["name", "label"]
NEEDS = "a folder of pictures with masks: --data folder root=DIR masks=DIR labels=FILE"


def build(options: Options) -> Loader:
    """The pictures of `options.root`, with `options.masks` and, if given, `options.labels`."""
    refuse(options, "folder", "synsets")
    root = folder_at(options.root, "pictures", "your own disk")
    if options.masks is None:
        raise FvitError(f"masks of the pictures in {root} are expected; give the folder, with a PNG of each picture's stem")
    masks = folder_at(options.masks, "masks (a PNG of each picture's stem)", "your own disk")
    found = files(root)
    if bare := [path.name for path in found if not (masks / f"{path.stem}.png").is_file()]:
        raise FvitError(
            f"{masks} has no mask for {few(bare)} ({len(bare)} of {len(found)} pictures); a PNG of the picture's stem is expected"
        )
    labels = _labels(options.labels) if options.labels else dict.fromkeys((path.stem for path in found), -1)
    if unlabelled := [path.stem for path in found if path.stem not in labels]:
        raise FvitError(
            f"{options.labels} has no label for {few(unlabelled)} ({len(unlabelled)} of {len(found)} pictures); a line for each is expected"
        )
    pairs = [(path.stem, (path, masks / f"{path.stem}.png", labels[path.stem])) for path in found]
    notes = () if options.labels else ("labels unknown: no labels file was given",)
    chosen = entries(pairs, root, options.ids)
    return Loader("folder", chosen, functools.partial(_read, options.fit), (), notes, tuple(mask for _, mask, _ in chosen.values()))


def _read(fit: int | Crop, name: str, entry: tuple[Path, Path, int]) -> Parts:
    path, truth, label = entry
    picture, values = image(path), levels(truth)
    if not (set(np.unique(values).tolist()) <= {0, 1} or set(np.unique(values).tolist()) <= {0, 255}):
        raise PictureError(f"{truth} holds {np.unique(values)[:5].tolist()}; 0 and 255, or 0 and 1, are expected")
    pixels, small = fitted(picture, (values > 0).astype(np.int8), fit, name)
    return pixels, label, small


def _labels(path: Path) -> dict[str, int]:
    """Picture stem -> class number."""
    rows = csv.DictReader(lines(path, "a CSV file with the header name,label"))
    if not set(COLUMNS) <= set(rows.fieldnames or []):
        raise FvitError(f"{path} has the columns {', '.join(rows.fieldnames or [])}; name and label are expected in its first line")
    labels = {}
    for row in rows:
        if not (row["label"] or "").strip().isdigit():
            raise FvitError(f"{path}, line {rows.line_num}: {row['label']!r} is no class number; a whole number from 0 is expected")
        if labels.setdefault(stem(row["name"]), int(row["label"])) != int(row["label"]):
            raise FvitError(f"{path} gives {row['name']} two labels, {labels[stem(row['name'])]} and {row['label']}; one is expected")
    return labels
