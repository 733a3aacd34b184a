"""ImageNet's validation pictures: `<wnid>/*.JPEG`, all classes or some, or one flat folder with a file of labels (`bench.worlds.data._wnids`).

A class keeps its index among the 1,000, however few folders are there; `notes` names those that are not. Pictures are cut
by `Options.crop`; there are no masks.
"""

import functools
from pathlib import Path

from bench.worlds.data._loader import Loader, Options, Parts, refuse
from bench.worlds.data._reading import entries, few, files, folder_at, readable
from bench.worlds.data._wnids import LABELS, PAGE, classes, indices, labels
from runtime import pictures
from runtime.errors import FvitError

NEEDS = "ImageNet's validation pictures: --data imagenet root=DIR"


def build(options: Options) -> Loader:
    """The pictures of `options.root`, or of the folder `val` in it."""
    refuse(options, "imagenet", "masks")
    root = folder_at(options.root, "ImageNet's validation pictures", PAGE)
    root = root / "val" if (root / "val").is_dir() else root
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    pairs, notes = _by_folder(root, folders, options) if folders else (_flat(root, options), ())
    return Loader("imagenet", entries(pairs, root, options.ids), functools.partial(_read, options.fit), classes(), notes)


def _read(fit: int | pictures.Crop, name: str, entry: tuple[Path, int]) -> Parts:
    path, label = entry
    with readable(path):
        return pictures.read(path, fit), label, None


def _by_folder(root: Path, folders: list[Path], options: Options) -> tuple[list, tuple[str, ...]]:
    """(name, (file, label)) of each picture, and which classes are missing."""
    refuse(options, "imagenet in class folders", "labels", "synsets")
    if other := [folder.name for folder in folders if folder.name not in indices()]:
        raise FvitError(
            f"{root} has folders that are no class of ImageNet: {few(other)}; only folders named by wnid (n01440764) are expected"
        )
    if loose := files(root):
        raise FvitError(
            f"{root} has {len(loose)} pictures beside its class folders ({few([p.name for p in loose])}); one or the other is expected"
        )
    inside = {folder.name: files(folder) for folder in folders}
    if empty := [wnid for wnid, found in inside.items() if not found]:
        raise FvitError(f"no picture in the class folders {few(empty)} of {root}; fill them, or remove them to go without these classes")
    missing = [wnid for wnid in indices() if wnid not in inside]
    notes = (f"{len(inside)} of {len(indices())} classes; no folder for {few(missing)}",) if missing else ()
    return [(path.stem, (path, indices()[wnid])) for wnid, found in inside.items() for path in found], notes


def _flat(root: Path, options: Options) -> list:
    """(name, (file, label)) of each picture."""
    found = files(root)
    if found and options.labels is None:
        raise FvitError(f"{root} is a flat folder of pictures; give labels: {LABELS}, from {PAGE}")
    known = labels(options.labels, options.synsets) if options.labels else {}
    if bare := [path.name for path in found if path.stem not in known]:
        raise FvitError(
            f"{options.labels} has no label of {few(bare)} ({len(bare)} of {len(found)} pictures); {LABELS} of the whole set is expected"
        )
    return [(path.stem, (path, known[path.stem])) for path in found]
