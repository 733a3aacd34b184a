"""Reading what lies on a user's disk: folders, lists of names, pictures and masks, with errors that name the file and what is wanted."""

import contextlib
import importlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int8, UInt8
from PIL import Image
from torch import Tensor

from runtime import pictures
from runtime.errors import FvitError, PictureError
from runtime.pictures import Crop

BILINEAR, NEAREST = Image.Resampling.BILINEAR, Image.Resampling.NEAREST
IGNORED = -1  # in a mask
SHOWN = 5  # names that an error lists


def file_at(path: Path, what: str, source: str) -> Path:
    """`path` if it is a file, else an error that says what is wanted and where it comes from."""
    if not path.is_file():
        raise FvitError(f"no file {path}; {what} is expected there, from {source}")
    return path


def folder_at(path: Path, what: str, source: str) -> Path:
    """`path` if it is a folder, else an error that says what is wanted and where it comes from."""
    if not path.is_dir():
        raise FvitError(f"no folder {path}; {what} are expected there, from {source}")
    return path


def extra(module: str, name: str) -> ModuleType:
    """An optional package, imported now; without it the data set `name` cannot be read."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        needed = module.partition(".")[0]
        raise FvitError(f"{name} needs {needed}, which cannot be imported ({error}); pip install 'fvit-bench[data]'") from error


def files(folder: Path) -> list[Path]:
    """The pictures right in `folder`, sorted by name; hidden files are none."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in pictures.SUFFIXES and not file.name.startswith("."))


def entries(pairs: Iterable[tuple[str, Any]], where: Path, ids: Path | None) -> dict[str, Any]:
    """The pictures (name, entry) found below `where`: those that `ids` names, in its order, or all. Twice the same name is an error."""
    pairs = list(pairs)
    found = dict(pairs)
    if not found:
        raise FvitError(f"no picture below {where}; files of {', '.join(sorted(pictures.SUFFIXES))} are expected")
    _once([name for name, _ in pairs], where)
    if ids is None:
        return found
    wanted = [stem(line) for line in lines(ids, "a file with one picture name a line") if line.strip()]
    _once(wanted, ids)
    if unknown := [name for name in wanted if name not in found]:
        raise FvitError(
            f"{ids} names {few(unknown)}, not among the {len(found)} pictures of {where}; names like {next(iter(found))} are expected"
        )
    if not wanted:
        raise FvitError(f"{ids} is empty; one picture name a line is expected")
    return {name: found[name] for name in wanted}


def stem(name: str) -> str:
    """A picture's name without its folder and suffix; other dots stay."""
    path = Path(name.strip())
    return path.stem if path.suffix.lower() in pictures.SUFFIXES else path.name


def lines(path: Path, what: str) -> list[str]:
    """The lines of a text file; `what` it should be is said where it is missing or no text."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FvitError(f"{path} cannot be read ({type(error).__name__}); {what} is expected") from error


def few(names: list[str]) -> str:
    """The first names, and how many there are."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def image(path: Path) -> Image.Image:
    """A whole picture as RGB; transparency is laid on white, and told."""
    with readable(path), Image.open(path) as opened:
        opened.load()
        return pictures.rgb(opened, path.name)


def levels(path: Path) -> UInt8[np.ndarray, "H W"]:
    """A picture of numbers up to 255; one with colour channels or more bits is refused."""
    with readable(path), Image.open(path) as opened:
        values = np.asarray(opened)
    if values.ndim != 2 or values.dtype not in (np.uint8, np.bool_):
        raise PictureError(f"{path} is {' x '.join(map(str, values.shape))} {values.dtype}; one channel of at most 8 bits is expected")
    return values.astype(np.uint8)


def fitted(
    picture: Image.Image, mask: Int8[np.ndarray, "H W"], fit: int | Crop, name: str
) -> tuple[Float[Tensor, "3 S S"], Int8[Tensor, "S S"]]:
    """The picture in [0, 1] and its mask, nearest, cut alike; `fit` a number: both as a whole at fit x fit, the picture bilinear.

    They must be of one size, and show an object.
    """
    sizes = picture.size, (mask.shape[1], mask.shape[0])
    if sizes[0] != sizes[1]:
        (width, height), (wide, high) = sizes
        raise PictureError(f"{name} is {width} x {height}, its mask {wide} x {high}; a mask of its picture's size is expected")
    whole = Image.fromarray(mask.view(np.uint8))  # -1 travels as 255
    if isinstance(fit, Crop):
        image, small, side = pictures.square(picture, fit, name), fit.mask(whole), fit.side
    else:
        image, small, side = pictures.pixels(picture.resize((fit, fit), BILINEAR)), whole.resize((fit, fit), NEAREST), fit
    found = np.array(small).view(np.int8)
    if not (found == 1).any():
        raise PictureError(f"the mask of {name} has no pixel of an object in the {side} x {side} that are kept; leave it out")
    return image, torch.from_numpy(found)


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """What Pillow raises for a damaged or missing file becomes a PictureError that names it."""
    if not path.is_file():
        raise PictureError(f"no picture at {path}")
    try:
        yield
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # the last: a damaged header
        raise PictureError(f"{path} is no picture that can be read ({type(error).__name__}: {error}); a whole one is expected") from error


def _once(names: list[str], where: Path) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise FvitError(f"{where} has {few(twice)} more than once; a name of its own is expected for each picture")
