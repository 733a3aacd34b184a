"""Pictures from files: RGB, shorter side resized (antialiased), centre cropped, [0, 1]; the check and the resize of a batch."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from runtime.errors import PictureError

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff"}


class PictureConverted(UserWarning):
    """A picture was changed before use: grey to RGB, its alpha laid on white, made larger."""


@dataclass(frozen=True)
class Crop:
    """The shorter side becomes `short` pixels long, the middle `side` x `side` is kept, to the pixel as by torchvision and timm.

    `squash`: the other side becomes as long, whatever the picture's shape.
    """

    side: int
    short: int
    interpolation: str = "bicubic"
    squash: bool = False

    def picture(self, image: Image.Image) -> Image.Image:
        return self._cut(image, Image.Resampling[self.interpolation.upper()])

    def mask(self, image: Image.Image) -> Image.Image:
        """The same pixels of a mask, no value between two of its own."""
        return self._cut(image, Image.Resampling.NEAREST)

    def _cut(self, image: Image.Image, interpolation: Image.Resampling) -> Image.Image:
        width, height = (self.short if self.squash else self.short * length // min(image.size) for length in image.size)
        left, top = round((width - self.side) / 2), round((height - self.side) / 2)
        return image.resize((width, height), interpolation).crop((left, top, left + self.side, top + self.side))


def read(path: str | Path, size: int | Crop) -> Float[Tensor, "3 S S"]:
    """One picture as float32; warns (PictureConverted) when it was grey, had alpha or is smaller than what is wanted of it."""
    path = Path(path)
    if not path.is_file():
        raise PictureError(f"no picture at {path}; give a file of {', '.join(sorted(SUFFIXES))}")
    try:
        with Image.open(path) as image:
            image.load()
            return square(rgb(image, path.name), size, path.name)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise PictureError(f"{path} is no picture that can be read ({type(error).__name__}); a complete PNG or JPEG is expected") from error


def find(path: str | Path) -> list[Path]:
    """The picture file `path`, or every picture below the folder `path` (an ImageNet folder, say), sorted by name."""
    path = Path(path)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
        if not files:
            raise PictureError(f"no picture below {path}; files of {', '.join(sorted(SUFFIXES))} are expected")
        return files
    return [path]


def square(image: Image.Image, size: int | Crop, name: str = "picture") -> Float[Tensor, "3 S S"]:
    """An RGB image resized on its shorter side and centre cropped; a number: as much of it as a square of this side can hold."""
    crop = size if isinstance(size, Crop) else Crop(size, size)
    if crop.short > min(image.size):
        warnings.warn(f"{name} is {image.size[0]} x {image.size[1]}, smaller than {crop.short}: enlarged", PictureConverted, stacklevel=2)
    return pixels(crop.picture(image))


def pixels(image: Image.Image) -> Float[Tensor, "3 H W"]:
    """An RGB image's, in [0, 1]."""
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255.0).permute(2, 0, 1).contiguous()


def rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode == "RGB":
        return image
    transparent = "A" in image.getbands() or "transparency" in image.info
    change = "had transparency: laid on white" if transparent else f"was {image.mode}: converted to RGB"
    warnings.warn(f"{name} {change}", PictureConverted, stacklevel=3)
    if not transparent:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def check(images: Tensor) -> None:
    """Refuses what is no batch of finite RGB pictures in [0, 1]."""
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise PictureError(f"pictures {tuple(images.shape)} {images.dtype} given; (B, 3, H, W) floating point in [0, 1] is expected")
    if not torch.isfinite(images).all():
        raise PictureError("a picture holds NaN or infinity; finite values in [0, 1] are expected")
    if images.min() < 0 or images.max() > 1:
        raise PictureError(f"pictures in [{images.min():.3g}, {images.max():.3g}] given; [0, 1] is expected (divide bytes by 255)")


def resize(images: Float[Tensor, "N C H W"], size: tuple[int, int]) -> Float[Tensor, "N C h w"]:
    """Bilinear, half-pixel centres, no antialias: the one resize of the chain, the same in eager mode and in every export."""
    if tuple(images.shape[-2:]) == tuple(size):
        return images
    return F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=False)


def resize_norm(size: tuple[int, int], to: tuple[int, int]) -> float:
    """The most that `resize` lengthens a change of a picture of `size`: |resize(d)|_2 <= norm |d|_2.

    Rows and columns are resized one after the other, so it is the product of the two largest singular values. A certified radius on `to` divided
    by it holds in the picture's own pixels.
    """
    norms = []
    for before, after in zip(size, to, strict=True):
        along = resize(torch.eye(before, dtype=torch.float64)[None, None], (after, before))[0, 0]  # each column resized by itself
        norms.append(float(torch.linalg.matrix_norm(along, 2)))
    return norms[0] * norms[1]
