"""Where looks take pictures and networks from: the embedded world, or files on the user's disk (world `paper`)."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from bench.worlds.data import digits as embedded
from bench.worlds.data._loader import Broken, Item, Loader, Options, items
from bench.worlds.world import WorldOptions
from runtime import plugins
from runtime.errors import FvitError
from runtime.protocols import Backbone

NEEDS = {
    "imagenet": "ImageNet's validation pictures: --imagenet DIR",
    "imagenet_seg": "ImageNet-Segmentation: --gtsegs gtsegs_ijcv.mat",
    "folder": "a folder of pictures with masks: --folder DIR --masks DIR --labels FILE",
    "coco": "COCO 2017: --coco DIR",
    "cityscapes": "Cityscapes: --cityscapes DIR",
}
IMAGENET = ("imagenet", "imagenet_seg")
SIDE = 224  # at which a data set is opened to be described


class NotHere(FvitError):
    """What a look needs and the user did not give: its cell says so and is no failure."""


@dataclass(frozen=True)
class Pictures:
    """`numbers` choose each picture's noise and attack start; `labels` index the network's classes; `masks`: 1 the object, 0 ground, -1 ignored."""

    numbers: list[int]
    images: Float[Tensor, "B 3 S S"]
    labels: Int[Tensor, " B"]
    masks: Int[Tensor, "B S S"] | None
    left_out: list[Broken] = field(default_factory=list)


class Source(Protocol):
    """`chunk`: pictures looked at together, which a kill may cost; `worlds`: how many backbones' networks are kept in memory."""

    @property
    def name(self) -> str: ...

    @property
    def chunk(self) -> int: ...

    @property
    def worlds(self) -> int: ...

    def options(self, backbone: str) -> WorldOptions: ...

    def size(self, task: str, backbone: Backbone) -> int: ...

    def pictures(self, task: str, numbers: Sequence[int], backbone: Backbone) -> Pictures: ...

    def facts(self) -> dict[str, str]:
        """What a campaign may not mix: hashes and names of what the user gave."""
        ...

    def notes(self) -> list[str]:
        """What a table has to say of the data."""
        ...


class Embedded:
    """The world that ships: test splits of its three tasks."""

    name, chunk, worlds = "embedded", 20, 3

    def options(self, backbone: str) -> WorldOptions:
        return WorldOptions(backbone=backbone)

    def size(self, task: str, backbone: Backbone) -> int:
        return embedded.SPLITS["test"].size

    def pictures(self, task: str, numbers: Sequence[int], backbone: Backbone) -> Pictures:
        batch = embedded.batch(task, "test", numbers)
        return Pictures(list(numbers), batch.images, batch.labels, (batch.masks == 1).long())

    def facts(self) -> dict[str, str]:
        return {}

    def notes(self) -> list[str]:
        return []


@dataclass(frozen=True)
class Files:
    """The user's `checkpoints` by backbone, `data` by data set: what builds its loader from a picture's side."""

    checkpoints: dict[str, Path]
    data: dict[str, Callable[[int], Options]]
    classes: Path | None = None
    denoiser_weights: Path | None = None
    head_channels: int = 64
    name: str = "paper"
    chunk: int = 1  # a picture's draws are minutes on a CPU
    worlds: int = 1  # 552.8 M parameters each

    def options(self, backbone: str) -> WorldOptions:
        if backbone not in self.checkpoints:
            raise NotHere(f"needs your checkpoint of {backbone}: --checkpoint {backbone}=FILE")
        if self.denoiser_weights is None:
            raise NotHere("needs the denoiser's checkpoint: --unet 256x256_diffusion_uncond.pt")
        weights = self.checkpoints[backbone]
        return WorldOptions(self.name, backbone, weights, self.classes, self.denoiser_weights, self.head_channels)

    def size(self, task: str, backbone: Backbone) -> int:
        return self.loader(task, backbone.size).size

    def pictures(self, task: str, numbers: Sequence[int], backbone: Backbone) -> Pictures:
        loader = self.loader(task, backbone.size)
        places = _places(loader, backbone)
        found, broken = items(loader, numbers)
        nameless = [item for item in found if item.label < 0]
        broken += [Broken(item.name, item.index, "its class is not known") for item in nameless]
        used = [item for item in found if item.label >= 0]
        labels = [item.label if places is None else places[item.label] for item in used]
        if wrong := [item.name for item, label in zip(used, labels, strict=True) if label >= len(backbone.classes)]:
            raise FvitError(
                f"{loader.name} gives {wrong[0]} a class beyond the {len(backbone.classes)} of {backbone.name}; mend its labels"
            )
        side = (backbone.size, backbone.size)
        images = torch.stack([item.image for item in used]) if used else torch.empty(0, 3, *side)
        return Pictures([item.index for item in used], images, torch.tensor(labels, dtype=torch.long), _masks(used), broken)

    def loader(self, task: str, side: int) -> Loader:
        if task not in self.data:
            raise NotHere(f"needs {NEEDS[plugins.known(task, NEEDS, 'data set')]}")
        return _loader(self.data[task], task, side)

    def facts(self) -> dict[str, str]:
        files = {f"checkpoint {name}": path for name, path in self.checkpoints.items()}
        files |= {"classes": self.classes} if self.classes else {}
        files |= {"denoiser": self.denoiser_weights} if self.denoiser_weights else {}
        loaders = {task: self.loader(task, SIDE) for task in self.data}
        data = {task: f"{loader.size} pictures, names {_names(loader)}" for task, loader in loaders.items()}
        return {name: f"{path.name} {_digest(path)}" for name, path in files.items()} | data

    def notes(self) -> list[str]:
        return [f"{task}: {note}" for task in self.data for note in self.loader(task, SIDE).notes]


def _places(loader: Loader, backbone: Backbone) -> dict[int, int] | None:
    """Where the data set's classes are among the network's; None: at the same index."""
    if (
        not loader.classes
        or loader.classes == backbone.classes
        or (loader.name in IMAGENET and len(backbone.classes) == len(loader.classes))
    ):
        return None
    index = {name.casefold(): place for place, name in enumerate(backbone.classes)}
    if missing := [name for name in loader.classes if name.casefold() not in index]:
        raise NotHere(
            f"needs your checkpoint of {backbone.name} with the {len(loader.classes)} classes of {loader.name}, by --checkpoint and "
            f"--classes: {missing[0]!r} is none of its {len(backbone.classes)}"
        )
    return {label: index[name.casefold()] for label, name in enumerate(loader.classes)}


def _masks(used: list[Item]) -> Tensor | None:
    masks = [item.mask for item in used if item.mask is not None]
    return torch.stack(masks).long() if masks else None


@functools.lru_cache(maxsize=16)
def _loader(options: Callable[[int], Options], task: str, side: int) -> Loader:
    return plugins.load("bench.worlds.data", task).build(options(side))


def _names(loader: Loader) -> str:
    return hashlib.sha256("\n".join(loader.names).encode()).hexdigest()[:16]


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise FvitError(f"{path} cannot be read ({error.strerror}); a file is wanted there") from error
