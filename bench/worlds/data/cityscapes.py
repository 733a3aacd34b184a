"""Cityscapes' validation pictures: `leftImg8bit/val/<city>/*_leftImg8bit.png` and `gtFine/val/<city>/*_gtFine_labelIds.png`.

The paper says of no picture which class or mask it took; the rule is ours, and `notes` says so. The label is the train id (0 to 18) that
covers most pixels among the things: person, rider, car, truck, bus, train, motorcycle, bicycle (torchvision's table: has_instances and not
ignore_in_eval); the lower one where two are equal. The mask is that class's pixels; void (what Cityscapes leaves out of its evaluation) is
ignored (-1), the rest ground. A picture without a thing cannot be used and says so when it is read.
"""

import functools
from pathlib import Path

import numpy as np
from torchvision.datasets import Cityscapes

from bench.worlds.data._loader import Loader, Options, Parts, refuse
from bench.worlds.data._reading import IGNORED, entries, few, files, fitted, folder_at, image, levels
from runtime.errors import FvitError, PictureError
from runtime.pictures import Crop

PAGE = "https://www.cityscapes-dataset.com/downloads/ (leftImg8bit_trainvaltest.zip, gtFine_trainvaltest.zip)"
PICTURE, TRUTH = "_leftImg8bit", "_gtFine_labelIds.png"
RULE = "label: the thing that covers most pixels; mask: its pixels; void ignored (our rule, the paper gives none)"
VOID, UNKNOWN = -1, -2
TRAINED = sorted((one for one in Cityscapes.classes if not one.ignore_in_eval), key=lambda one: one.train_id)
THINGS = [one.train_id for one in TRAINED if one.has_instances]
NEEDS = "Cityscapes: --data cityscapes root=DIR"


def build(options: Options) -> Loader:
    """The validation pictures below `options.root`, each with its labelIds file."""
    refuse(options, "cityscapes", "masks", "labels", "synsets")
    root = folder_at(options.root, "leftImg8bit/ and gtFine/", PAGE)
    pictures = folder_at(root / "leftImg8bit" / "val", "Cityscapes' pictures", PAGE)
    truths = folder_at(root / "gtFine" / "val", "Cityscapes' fine annotations", PAGE)
    cities = [folder.name for folder in sorted(pictures.iterdir()) if folder.is_dir()]
    if missing := [city for city in cities if not (truths / city).is_dir()]:
        raise FvitError(f"{truths} has no folder for {few(missing)}, which {pictures} has; unpack both archives, from {PAGE}")
    pairs = [_pair(path, truths / city) for city in cities for path in files(pictures / city) if path.stem.endswith(PICTURE)]
    if bare := [name for name, (_, truth) in pairs if not truth.is_file()]:
        raise FvitError(
            f"no *{TRUTH} below {truths} for {few(bare)} ({len(bare)} of {len(pairs)} pictures); get gtFine_trainvaltest.zip from {PAGE}"
        )
    found = entries(pairs, pictures, options.ids)
    names, truth = tuple(one.name for one in TRAINED), tuple(truth for _, truth in found.values())
    return Loader("cityscapes", found, functools.partial(_read, options.fit), names, (RULE,), truth)


def _pair(path: Path, truths: Path) -> tuple[str, tuple[Path, Path]]:
    name = path.stem.removesuffix(PICTURE)
    return name, (path, truths / f"{name}{TRUTH}")


def _read(fit: int | Crop, name: str, entry: tuple[Path, Path]) -> Parts:
    path, truth = entry
    picture, ids = image(path), _table()[levels(truth)]
    if (ids == UNKNOWN).any():
        raise PictureError(
            f"{truth} holds {np.unique(levels(truth)[ids == UNKNOWN])[:5].tolist()}, no ids of Cityscapes; a labelIds file is expected"
        )
    areas = [int((ids == thing).sum()) for thing in THINGS]
    if not any(areas):
        raise PictureError(f"{name} shows no {', '.join(TRAINED[thing].name for thing in THINGS)}: it has no label; leave it out")
    label = THINGS[int(np.argmax(areas))]
    mask = np.where(ids == label, 1, np.where(ids == VOID, IGNORED, 0)).astype(np.int8)
    pixels, small = fitted(picture, mask, fit, name)
    return pixels, label, small


@functools.cache
def _table() -> np.ndarray:
    """(256,) id in the file -> train id, VOID where it is left out of the evaluation; the licence plate's -1 is stored as 255."""
    table = np.full(256, UNKNOWN, np.int8)
    for one in Cityscapes.classes:
        table[one.id % 256] = VOID if one.ignore_in_eval else one.train_id
    return table
