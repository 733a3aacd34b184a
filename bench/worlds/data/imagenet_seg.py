"""ImageNet-Segmentation (Guillaumin et al. 2014): 4,276 pictures with the mask of their object, in one file, gtsegs_ijcv.mat.

The file is MATLAB v7.3, which is HDF5: /value/img, /value/gt and /value/id hold references, and arrays lie transposed. Of several masks
the first counts, as in Chefer et al.'s evaluation. The label is the wnid at the start of a picture's id (n02415577_10261); -1 (unknown)
where that is no class of ImageNet's 1,000 or the file has no ids. The file is opened anew for each picture, so any process may read.
"""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.worlds.data import _wnids as _imagenet
from bench.worlds.data._loader import Loader, Options, Parts, refuse
from bench.worlds.data._reading import entries, extra, file_at, fitted
from runtime.errors import FvitError, PictureError
from runtime.pictures import Crop

PAGE = "http://calvin-vision.net/bigstuff/proj-imagenet/data/gtsegs_ijcv.mat"
IMAGES, MASKS, IDS = "value/img", "value/gt", "value/id"
DAMAGE = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
)  # what a damaged file makes h5py and its arrays raise
NEEDS = "ImageNet-Segmentation: --data imagenet_seg root=gtsegs_ijcv.mat"


def build(options: Options) -> Loader:
    """The pictures of the file `options.root`; `notes` says how many have no label."""
    refuse(options, "imagenet_seg", "masks", "labels", "synsets")
    path = file_at(options.root, "gtsegs_ijcv.mat", PAGE)
    with _file(path) as file:
        names = _names(path, file)
    known = _imagenet.indices()
    pairs = [(name, (i, known.get(name.split("_")[0], -1))) for i, name in enumerate(names)]
    found = entries(pairs, path, options.ids)
    unknown = sum(label == -1 for _, label in found.values())
    notes = (f"{unknown} of {len(found)} pictures have no label: their id names no class of ImageNet's 1,000",) if unknown else ()
    return Loader("imagenet_seg", found, functools.partial(_read, path, options.fit), _imagenet.classes(), notes, (path,))


def _read(path: Path, fit: int | Crop, name: str, entry: tuple[int, int]) -> Parts:
    index, label = entry
    h5py = extra("h5py", "imagenet_seg")
    try:
        with h5py.File(path, "r") as file:
            pixels = np.asarray(file[file[IMAGES][index, 0]]).transpose(2, 1, 0)
            mask = np.asarray(file[file[file[MASKS][index, 0]][0, 0]]).transpose(1, 0)
        picture = Image.fromarray(pixels).convert("RGB")
    except DAMAGE as error:
        raise PictureError(
            f"{name} of {path} cannot be read ({type(error).__name__}: {error}); a whole file is expected, from {PAGE}"
        ) from error
    if not set(values := np.unique(mask).tolist()) <= {0, 1}:
        raise PictureError(f"the mask of {name} in {path} holds {values[:5]}; 0 and 1 are expected")
    image, small = fitted(picture, mask.astype(np.int8), fit, name)
    return image, label, small


@contextlib.contextmanager
def _file(path: Path) -> Iterator[Any]:
    h5py = extra("h5py", "imagenet_seg")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except DAMAGE as error:
        size = path.stat().st_size
        raise FvitError(f"{path} ({size:,} bytes) is cut off, damaged or another file ({error}); get it whole from {PAGE}") from error


def _names(path: Path, file: Any) -> list[str]:
    """The pictures' ids; where the file has none, their numbers from 0."""
    if missing := [key for key in (IMAGES, MASKS) if key not in file]:
        raise FvitError(f"{path} holds {', '.join(file)}, but no {' and no '.join(missing)}; gtsegs_ijcv.mat is expected, from {PAGE}")
    count = len(file[IMAGES])
    if IDS not in file:
        return [f"{i:05d}" for i in range(count)]
    return [np.asarray(file[file[IDS][i, 0]], "<u2").tobytes().decode("utf-16-le").strip() for i in range(count)]
