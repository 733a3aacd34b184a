"""The world at the paper's size: ViT-B/16 and its kind at 224 px, the 552.8 M denoiser at 256 px, and the user's files.

Without a checkpoint the networks have seeded random weights: enough to measure time. Whatever asks for answers or maps needs the user's
checkpoints and data, and says which are missing.
"""

import functools
import hashlib
import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from skimage import data as photographs
from torch import Tensor

from bench.records.campaign import NotHere
from bench.worlds.data._loader import Item, Loader, items
from bench.worlds.world import Brought, Pictures, Scene, World
from export.quantize import FEWEST
from runtime import pictures as files
from runtime import plugins
from runtime.backbones import build as backbones
from runtime.diffusion import networks as denoisers
from runtime.diffusion.networks import DenoiserNetwork
from runtime.errors import FvitError
from runtime.pictures import Crop
from runtime.protocols import Backbone

DATA = "bench.worlds.data"
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
NAMES = {"ViT": "vit_b16", "DeiT": "deit_b16", "Swin": "swin_b"}
PRINTED = ("imagenet_seg", "coco", "cityscapes")  # the paper's data sets with masks
ORDER = ("imagenet", "imagenet_seg", "folder", "coco", "cityscapes")
IMAGENET = ("imagenet", "imagenet_seg")
SIDE = 224  # at which a data set is opened to be described
CROPS = {
    "timm": "pictures and masks are cut as timm evaluates each network (`timm`: the shorter side to its size over its crop_pct, then the middle)",
    "printed": "pictures and masks are cut as Appendix G prints it (`printed`: the shorter side to 256, the middle 224 x 224, bilinear)",
    "whole": "pictures with masks are brought to the network's size as a whole, as Chefer et al. do (`whole`); others have the shorter side at it",
}
SHORT = 256 / 224  # Appendix G's Resize over its CenterCrop, for networks of another size
USUAL = Crop(SIDE, 248)  # of the paper's networks, whose data is so opened once
CALIBRATION = (FEWEST, 4)  # a minute of the denoiser


def open(brought: Brought) -> World:
    return Paper(brought)


class Paper:
    """One picture at a time, since its draws are minutes on a CPU, and one backbone, since the denoiser has 552.8 M parameters."""

    name, chunk, keep, noise, grid = "paper", 1, 1, 64 / 255, 256
    parity_batches, calibration_batch, measures_layers = (1, 2), 1, False

    def __init__(self, brought: Brought):
        plugins.known(brought.crop, CROPS, "crop")
        self.brought = brought
        self._denoiser = functools.cache(lambda: denoisers.build("adm_256", brought.denoiser_weights, brought.head_channels))

    @property
    def denoises(self) -> bool:
        return self.brought.denoiser_weights is not None

    @property
    def scene(self) -> Scene:
        """The paper's backbones, those with a checkpoint first, other networks under their own names; the data sets that were brought first."""
        checkpoints, data = self.brought.checkpoints, self.brought.data
        named = {shown: name for shown, name in NAMES.items() if name in checkpoints}
        named |= {name: name for name in checkpoints if name not in NAMES.values()}
        known = [*ORDER, *(name for name in data if name not in ORDER)]
        brought = [name for name in known if name in data]
        masked = [name for name in brought if name != "imagenet"]
        own = tuple(name for name in brought if name not in (*PRINTED, "imagenet"))
        labelled = "imagenet" if "imagenet" in data or "imagenet_seg" not in data else "imagenet_seg"
        return Scene(
            named | NAMES,
            (*PRINTED, *own),
            masked[0] if masked else "imagenet_seg",
            tuple(sorted({*own, labelled, "coco", "cityscapes"}, key=lambda name: (name not in brought, known.index(name)))),
            "tables of one data set take the first that was given: " + (", ".join(brought) or "none was"),
            {"imagenet": "ImageNet", "imagenet_seg": "ImageNet", "coco": "COCO", "cityscapes": "Cityscapes"},
        )

    def backbone(self, name: str | None = None) -> Backbone:
        name = name or self.brought.backbone or NAMES["ViT"]
        return backbones.build(name, self.brought.checkpoints.get(name), self.brought.classes)

    def denoiser(self) -> DenoiserNetwork:
        return self._denoiser()

    def require(self, backbone: str) -> None:
        if self.brought.rehearsal:
            return
        if backbone not in self.brought.checkpoints:
            raise NotHere(f"needs your checkpoint of {backbone}: --checkpoint {backbone}=FILE")
        if self.brought.denoiser_weights is None:
            raise NotHere("needs the denoiser's checkpoint: --unet 256x256_diffusion_uncond.pt")

    def size(self, task: str, split: str, backbone: Backbone) -> int:
        return self.loader(task).size

    def fit(self, own: Crop) -> int | Crop:
        """What pictures are brought to for a network whose own crop is `own`."""
        printed = Crop(own.side, math.floor(SHORT * own.side), "bilinear")
        return {"timm": own, "printed": printed, "whole": own.side}[self.brought.crop]

    def pictures(self, task: str, split: str, numbers: Sequence[int], backbone: Backbone) -> Pictures:
        loader = self.loader(task, _crop(backbone))
        stands_in = self.brought.rehearsal and backbone.name not in self.brought.checkpoints
        places = None if stands_in else _places(loader, backbone)
        read, broken = items(loader, numbers)
        left_out = [(one.name, one.reason) for one in broken] + [(item.name, "its class is not known") for item in read if item.label < 0]
        used = [item for item in read if item.label >= 0]
        if stands_in and used:
            return self._rehearsed(used, backbone, left_out)
        labels = [item.label if places is None else places[item.label] for item in used]
        if wrong := [item.name for item, label in zip(used, labels, strict=True) if label >= len(backbone.classes)]:
            raise FvitError(
                f"{loader.name} gives {wrong[0]} a class beyond the {len(backbone.classes)} of {backbone.name}; mend its labels"
            )
        side = (backbone.size, backbone.size)
        images = torch.stack([item.image for item in used]) if used else torch.empty(0, 3, *side)
        return Pictures([item.index for item in used], images, torch.tensor(labels, dtype=torch.long), _masks(used), left_out=left_out)

    def _rehearsed(self, used: list[Item], backbone: Backbone, left_out: list[tuple[str, str]]) -> Pictures:
        """With the labels that the random network gives: it has learned no other, and an attack on a wrong answer would do nothing."""
        images, device = torch.stack([item.image for item in used]), next(backbone.model.parameters()).device
        with torch.no_grad():
            labels = torch.cat([backbone.model(image[None].to(device)).argmax(1) for image in images]).cpu()
        return Pictures([item.index for item in used], images, labels, _masks(used), left_out=left_out)

    def samples(self, count: int, backbone: Backbone) -> tuple[Tensor, str]:
        if own := self.brought.pictures:
            paths = files.find(own)[:count]
            return torch.stack([files.read(path, self.fit(_crop(backbone))) for path in paths]), f"{len(paths)} of {own.name}"
        names = [PHOTOGRAPHS[i % len(PHOTOGRAPHS)] for i in range(count)]
        stack = [files.square(Image.fromarray(getattr(photographs, name)()), self.fit(_crop(backbone)), name) for name in names]
        return torch.stack(stack), f"scikit-image's {', '.join(dict.fromkeys(names))}"

    def calibration(self, first: int, count: int, backbone: Backbone) -> tuple[Tensor, str]:
        if (own := self.brought.pictures) is None:
            images, source = self.samples(len(PHOTOGRAPHS), backbone)
            return images.repeat(-(-count // len(images)), 1, 1, 1)[:count], f"draws of {source}"
        paths = files.find(own)
        if len(paths) < sum(CALIBRATION):
            wanted = f"{sum(CALIBRATION)} are expected for int8, {CALIBRATION[0]} to calibrate on and {CALIBRATION[1]} to check with"
            raise FvitError(f"{len(paths)} pictures given ({own}), {wanted}; give a folder that holds them")
        stack = [files.read(path, self.fit(_crop(backbone))) for path in paths[first : first + count]]
        return torch.stack(stack), f"pictures of {own.name}"

    def calibration_size(self) -> tuple[int, int]:
        return CALIBRATION

    def slow_on(self, device: str) -> bool:
        return device == "cpu"

    def loader(self, task: str, own: Crop = USUAL) -> Loader:
        """The data set `task` for a network whose own crop is `own`; NotHere says what it needs where it was not given."""
        plugin = plugins.load(DATA, task)
        if task not in self.brought.data:
            raise NotHere(f"needs {plugin.NEEDS}")
        fit = self.fit(own)
        cut = {"side": fit.side, "crop": fit} if isinstance(fit, Crop) else {"side": fit}
        if lacks := cut.keys() - {field.name for field in fields(plugin.Options)}:
            raise FvitError(
                f"{task}: its Options have no {', '.join(lacks)}; add it, as in bench/worlds/data/_loader.py, or say --crop whole"
            )
        return _loader(task, plugin.Options(**cut, **self.brought.data[task]))

    def facts(self) -> dict[str, str]:
        brought = self.brought
        paths = {f"checkpoint {name}": path for name, path in brought.checkpoints.items()}
        paths |= {"classes": brought.classes} if brought.classes else {}
        paths |= {"denoiser": brought.denoiser_weights} if brought.denoiser_weights else {}
        loaders = {task: self.loader(task) for task in brought.data}
        data = {
            task: f"{loader.size} pictures, names {_names(loader)}, labels and masks {loader.digest}" for task, loader in loaders.items()
        }
        given = {name: f"{path.name} {_digest(path)}" for name, path in paths.items()} | data | ({"crop": brought.crop} if data else {})
        return given | ({"head channels": str(brought.head_channels)} if brought.head_channels else {})

    def notes(self) -> list[str]:
        told = [f"{task}: {note}" for task in self.brought.data for note in self.loader(task).notes]
        return [CROPS[self.brought.crop], *told] if self.brought.data else []


def _crop(backbone: Backbone) -> Crop:
    """The network's own; where nothing says so its middle square."""
    return backbone.crop or Crop(backbone.size, backbone.size)


def _places(loader: Loader, backbone: Backbone) -> dict[int, int] | None:
    """Where the data set's classes are among the network's; None: at the same index."""
    same = loader.name in IMAGENET and len(backbone.classes) == len(loader.classes)
    if not loader.classes or loader.classes == backbone.classes or same:
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
def _loader(task: str, options: Any) -> Loader:
    return plugins.load(DATA, task).build(options)


def _names(loader: Loader) -> str:
    return hashlib.sha256("\n".join(loader.names).encode()).hexdigest()[:16]


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise FvitError(f"{path} cannot be read ({error.strerror}); a file is expected there") from error
