"""What a data set on the user's disk gives: pictures in [0, 1] by index, each with its class and, where there is one, a mask.

A picture is cut by `Options.crop`, its mask alike. Without a crop one with a mask is brought to side x side as a whole: the picture bilinear,
the mask nearest, as Chefer et al.'s evaluation does with ImageNet-Segmentation, so that no object leaves the picture; of one without a mask
the largest square in its middle is taken.
A picture that cannot be used raises PictureError when it is read; what is wrong with the data set as a whole is an FvitError of `build`.
"""

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float, Int8
from torch import Tensor

from runtime.errors import FvitError, PictureError
from runtime.pictures import Crop


@dataclass(frozen=True)
class Options:
    """`root`: the data set's folder or file; `side`: of the pictures given, in pixels; `ids`: a file with one picture name a line, in order.

    `crop`: how pictures are cut to it.
    `masks`: a folder, `labels`: a file with the classes, `synsets`: what its numbers mean; a data set refuses what it has no use for.
    """

    root: Path
    side: int
    ids: Path | None = None
    masks: Path | None = None
    labels: Path | None = None
    synsets: Path | None = None
    crop: Crop | None = None

    @property
    def fit(self) -> int | Crop:
        """What a picture is brought to: the crop, or the side alone."""
        return self.crop or self.side


Parts = tuple[Float[Tensor, "3 S S"], int, Int8[Tensor, "S S"] | None]  # picture, label, mask


@dataclass(frozen=True)
class Item:
    """`image` in [0, 1]; `label` -1: unknown; `mask`: 1 the object, 0 ground, -1 ignored; `index`: the picture's number, which seeds draws."""

    image: Float[Tensor, "3 S S"]
    label: int
    mask: Int8[Tensor, "S S"] | None
    name: str
    index: int


@dataclass(frozen=True)
class Broken:
    """A picture left out, and why."""

    name: str
    index: int
    reason: str


@dataclass(frozen=True)
class Loader:
    """`entries`: what `read(name, entry)` needs of each picture, in order; `classes` by label, () where they have no names.

    `notes`: what a report must say of the data, such as the rule behind the labels. `truth`: files that labels and masks are read from.
    It pickles: no file is held open between pictures.
    """

    name: str
    entries: Mapping[str, Any]
    read: Callable[[str, Any], Parts]
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    truth: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def size(self) -> int:
        """How many pictures there are."""
        return len(self)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(self.entries)

    @functools.cached_property
    def digest(self) -> str:
        """Of labels and masks: a hash of the entries, files by their names, and of all bytes of `truth`.

        Not of times, which a copy changes: shards of two machines must be one campaign. The largest, ImageNet-Segmentation's file, is read
        within seconds; the annotations of COCO and Cityscapes have some 20 MB.
        """
        found = hashlib.sha256(repr([(name, _plain(entry)) for name, entry in self.entries.items()]).encode())
        for path in self.truth:
            found.update(_sha256(path))
        return found.hexdigest()[:16]

    def __getitem__(self, index: int) -> Item:
        if not 0 <= index < self.size:
            raise FvitError(f"{self.name} has the pictures 0 to {self.size - 1}, {index} given")
        name = self.names[index]
        return Item(*self.read(name, self.entries[name]), name, index)


def _plain(entry: Any) -> Any:
    """An entry without folders; an object whose text may change from run to run is its type alone."""
    if isinstance(entry, tuple | list):
        return [_plain(part) for part in entry]
    if isinstance(entry, Path):
        return entry.name
    return entry if isinstance(entry, str | int | float | None) else type(entry).__name__


def _sha256(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise FvitError(f"{path} cannot be read ({error.strerror}); labels or masks are expected there") from error


def items(loader: Loader, indices: Iterable[int]) -> tuple[list[Item], list[Broken]]:
    """The pictures `indices`, and those of them that cannot be read, each with its reason; any other error goes through."""
    found, broken = [], []
    for index in indices:
        try:
            found.append(loader[index])
        except PictureError as error:
            broken.append(Broken(loader.names[index], index, str(error)))
    return found, broken


def refuse(options: Options, name: str, *unused: str) -> None:
    """An error where an option was given that the data set `name` has no use for."""
    if given := [option for option in unused if getattr(options, option) is not None]:
        raise FvitError(f"{name} has no use for {', '.join(given)} (its own files say that); leave it out")
