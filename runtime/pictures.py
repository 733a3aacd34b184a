"""Pictures from files: RGB, shorter side resized (bicubic, antialiased), centre cropped, [0, 1]."""

import warnings
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from runtime.errors import PictureError

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff"}


class PictureConverted(UserWarning):
    """A picture was changed before use: grey to RGB, its alpha laid on white, made larger."""


def read(path: str | Path, size: int) -> Float[Tensor, "3 size size"]:
    """One picture as float32; says (PictureConverted) when it was grey, had alpha or is smaller than `size`."""
    path = Path(path)
    if not path.is_file():
        raise PictureError(f"no picture at {path}; give a file of {', '.join(sorted(SUFFIXES))}")
    try:
        with Image.open(path) as image:
            image.load()
            return square(rgb(image, path.name), size, path.name)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise PictureError(f"{path} is no picture that can be read ({type(error).__name__}); a whole PNG or JPEG is wanted") from error


def find(path: str | Path) -> list[Path]:
    """The picture file `path`, or every picture below the folder `path` (an ImageNet folder, say), sorted by name."""
    path = Path(path)
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
        if not found:
            raise PictureError(f"no picture below {path}; files of {', '.join(sorted(SUFFIXES))} are wanted")
        return found
    return [path]


def square(image: Image.Image, size: int, name: str = "picture") -> Float[Tensor, "3 size size"]:
    """An RGB image resized on its shorter side and centre cropped."""
    scale = size / min(image.size)
    if scale > 1:
        warnings.warn(f"{name} is {image.size[0]} x {image.size[1]}, smaller than {size}: enlarged", PictureConverted, stacklevel=2)
    width, height = (max(size, round(side * scale)) for side in image.size)
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    pixels = np.asarray(resized.crop((left, top, left + size, top + size)), dtype=np.float32) / 255.0
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode == "RGB":
        return image
    transparent = "A" in image.getbands() or "transparency" in image.info
    told = "had transparency: laid on white" if transparent else f"was {image.mode}: converted to RGB"
    warnings.warn(f"{name} {told}", PictureConverted, stacklevel=3)
    if not transparent:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
