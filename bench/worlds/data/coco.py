"""COCO 2017's validation pictures: `val2017/` and `annotations/instances_val2017.json`, read with pycocotools.

The paper says of no picture which class or mask it took; the rule is ours, and `notes` says so. The label is the category of the largest
annotated object (its `area`; the lower id where two are equal), crowds aside; the mask is every object of that category. Regions marked as
crowds, of any category, are ignored (-1) where no such object lies; other objects are ground. Categories are numbered 0 to 79 in the order
of COCO's ids, which have gaps. Pictures without an object are left out (`notes` has their number).
"""

import contextlib
import functools
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int8

from bench.worlds.data._loader import Loader, Options, Parts, refuse
from bench.worlds.data._reading import IGNORED, entries, extra, file_at, fitted, folder_at, image
from runtime.errors import FvitError, PictureError
from runtime.pictures import Crop

PAGE = "https://cocodataset.org/#download (2017 Val images, 2017 Train/Val annotations)"
RULE = "label: the category of the largest object; mask: all objects of that category; crowds ignored (our rule, the paper gives none)"
NEEDS = "COCO 2017: --data coco root=DIR"


@dataclass(frozen=True)
class _Source:
    """`api`: pycocotools' index; `label`: category id -> class."""

    api: Any
    folder: Path
    label: dict[int, int]
    fit: int | Crop


def build(options: Options) -> Loader:
    """The pictures of `options.root` that have an object."""
    refuse(options, "coco", "masks", "labels", "synsets")
    root = folder_at(options.root, "val2017/ and annotations/", PAGE)
    folder = folder_at(root / "val2017", "COCO's pictures", PAGE)
    objects = file_at(root / "annotations" / "instances_val2017.json", "the objects of COCO", PAGE)
    api = _api(objects)
    categories = sorted(api.cats)
    source = _Source(api, folder, {category: label for label, category in enumerate(categories)}, options.fit)
    pairs = [(Path(api.imgs[i]["file_name"]).stem, i) for i in sorted(api.imgs) if _objects(api, i)]
    found = entries(pairs, root, options.ids)
    left = len(api.imgs) - len(pairs)
    notes = (RULE, *([f"{left} of {len(api.imgs)} pictures left out: no object is annotated in them"] if left else []))
    return Loader("coco", found, functools.partial(_read, source), tuple(api.cats[i]["name"] for i in categories), notes, (objects,))


def _read(source: _Source, name: str, number: int) -> Parts:
    api = source.api
    picture = image(source.folder / api.imgs[number]["file_name"])
    category = max(_objects(api, number), key=lambda one: (one["area"], -one["id"]))["category_id"]
    try:
        mask = _mask(api, number, category)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise PictureError(f"the annotations of {name} cannot be read ({type(error).__name__}: {error}); get them from {PAGE}") from error
    pixels, small = fitted(picture, mask, source.fit, name)
    return pixels, source.label[category], small


def _mask(api: Any, number: int, category: int) -> Int8[np.ndarray, "H W"]:
    mask = np.zeros((api.imgs[number]["height"], api.imgs[number]["width"]), np.int8)
    crowds = [one for one in api.imgToAnns[number] if one["iscrowd"]]
    alike = [one for one in _objects(api, number) if one["category_id"] == category]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)  # pycocotools 2.0.11 on numpy 2
        for value, regions in ((IGNORED, crowds), (1, alike)):  # objects last: they count where a crowd lies over them
            for one in regions:
                mask[api.annToMask(one) == 1] = value
    return mask


def _objects(api: Any, number: int) -> list[dict]:
    return [one for one in api.imgToAnns.get(number, []) if not one["iscrowd"]]


def _api(path: Path) -> Any:
    """pycocotools' index of the file, without its prints."""
    coco = extra("pycocotools.coco", "coco")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            api = coco.COCO(str(path))
        whole = all(one.keys() >= {"iscrowd", "area"} and one["category_id"] in api.cats for one in api.dataset["annotations"])
        named = all("file_name" in one for one in api.imgs.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
        raise FvitError(f"{path} cannot be read ({type(error).__name__}: {error}); the whole file is expected, from {PAGE}") from error
    if not (whole and named and api.imgs):
        raise FvitError(f"{path} describes no objects of known categories; instances_val2017.json is expected, from {PAGE}")
    return api
