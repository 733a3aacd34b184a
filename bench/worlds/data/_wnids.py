"""ImageNet's 1,000 classes, and the files that give its validation pictures theirs.

A class's index is its wnid's place among the 1,000 sorted ones. A file with wnids needs nothing else: LOC_val_solution.csv, or a val.txt of
`name wnid`. Numbers follow an order that no such file states (the devkit's ILSVRC2012_validation_ground_truth.txt counts from 1 in an order
of its own, not the sorted one), so they are read only with `synsets`: the devkit's meta.mat, or a file of `number wnid`.
"""

import functools
import re
import zlib
from pathlib import Path

from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from bench.worlds.data._reading import few, file_at, lines, stem
from runtime.errors import FvitError

PAGE = "https://www.image-net.org/download.php (ILSVRC2012_img_val.tar; labels and meta.mat: ILSVRC2012_devkit_t12.tar.gz)"
LABELS = "LOC_val_solution.csv, a val.txt of `name wnid`, or ILSVRC2012_validation_ground_truth.txt"
SYNSETS = "the devkit's meta.mat, or a file of `number wnid`"
WNID = re.compile(r"n\d{8}")


@functools.cache
def indices() -> dict[str, int]:
    """wnid -> class index of the networks, 0 to 999."""
    return {wnid: index for index, wnid in enumerate(_info().label_names())}


@functools.cache
def classes() -> tuple[str, ...]:
    """The classes' names by index."""
    return tuple(_info().label_descriptions())


def labels(path: Path, synsets: Path | None) -> dict[str, int]:
    """Picture name -> class index, from one of the files `LABELS`."""
    rows = [re.split(r"[,\s]+", line.strip()) for line in lines(file_at(path, LABELS, PAGE), LABELS) if line.strip()]
    rows = rows[1:] if rows and rows[0][0] == "ImageId" else rows
    if rows and all(len(words) == 1 for words in rows):
        return _devkit(path, [words[0] for words in rows], synsets)
    order = _order(path, synsets) if any(len(words) > 1 and words[1].isdigit() for words in rows) else {}
    return {stem(words[0]): _index(path, words, order | indices()) for words in rows}


def _devkit(path: Path, numbers: list[str], synsets: Path | None) -> dict[str, int]:
    """Line k holds the number of ILSVRC2012_val_<k>, counted from 1."""
    order = _order(path, synsets)
    if list(order.values()) == list(range(len(indices()))):
        raise FvitError(
            f"{synsets} numbers the classes in sorted order, {path.name} in the devkit's (1 is n02119789); give the devkit's meta.mat"
        )
    if other := sorted({number for number in numbers if number not in order}):
        raise FvitError(f"{path} has {few(other)}, numbers of no class in {synsets}; the devkit's meta.mat of the same year is expected")
    return {f"ILSVRC2012_val_{k:08d}": order[number] for k, number in enumerate(numbers, 1)}


def _index(path: Path, words: list[str], known: dict[str, int]) -> int:
    """The class of a line's second word."""
    if len(words) < 2 or words[1] not in known:
        raise FvitError(
            f"{path} has the line {' '.join(words[:3])!r}, which names no class of ImageNet's {len(indices())}; {LABELS} is expected"
        )
    return known[words[1]]


def _order(path: Path, synsets: Path | None) -> dict[str, int]:
    """Number as written -> class index, in the order of the numbers."""
    if synsets is None:
        raise FvitError(f"{path} holds class numbers and does not say in which order; give synsets: {SYNSETS}")
    found = _meta if file_at(synsets, SYNSETS, PAGE).suffix.lower() == ".mat" else _written
    pairs = sorted((number, indices()[wnid]) for number, wnid in found(synsets) if wnid in indices())
    if not pairs:
        raise FvitError(f"{synsets} numbers no class of ImageNet's {len(indices())}; {SYNSETS} is expected")
    return {str(number): index for number, index in pairs}


def _meta(path: Path) -> list[tuple[int, str]]:
    """The devkit's table: number and wnid of its 1,000 classes, and of what lies above them in WordNet."""
    try:
        return [(int(row["ILSVRC2012_ID"]), str(row["WNID"])) for row in loadmat(path, squeeze_me=True)["synsets"]]
    except (MatReadError, zlib.error, OSError, ValueError, KeyError, TypeError, IndexError, NotImplementedError) as error:  # the last: v7.3
        raise FvitError(f"{path} is not the devkit's meta.mat ({type(error).__name__}: {error}); get it from {PAGE}") from error


def _written(path: Path) -> list[tuple[int, str]]:
    pairs = [line.replace(",", " ").split()[:2] for line in lines(path, SYNSETS) if line.strip()]
    if wrong := [" ".join(pair) for pair in pairs if len(pair) < 2 or not pair[0].isdigit() or not WNID.fullmatch(pair[1])]:
        raise FvitError(f"{path} has the line {wrong[0]!r}; every line is expected to be `number wnid`, as in `1 n02119789`")
    return [(int(number), wnid) for number, wnid in pairs]


def _info():
    from timm.data import ImageNetInfo  # slow to import, and wanted only here

    return ImageNetInfo()
