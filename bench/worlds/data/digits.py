"""The embedded world's pictures: handwritten digits on photographs, 64 x 64, made from a seed, with exact masks.

digits  one object
pairs   two objects of different classes; the label is the larger one's
crowd   three or four small objects of one class on busy ground

Handwriting is scikit-learn's `load_digits`, split in the order of its file, which keeps most writers apart; grounds and textures are the
photographs inside scikit-image's wheel. No split shares handwriting or photographs with another. Everything after reading those files is
integer arithmetic on a counter-based stream, Philox(key = (seed, split and task), counter = index): a picture depends on nothing else.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skimage
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor

from bench.protocols import Sample
from bench.worlds.data._glyphs import Pose, coverage, enlarged
from runtime.errors import FvitError
from runtime.plugins import known

SIZE, SEED = 64, 2024
CLASSES = tuple("0123456789")
TASKS = ("digits", "pairs", "crowd")


@dataclass(frozen=True)
class Split:
    """`writing`: the range of load_digits' 1,797 digits; `size`: pictures of each task."""

    writing: tuple[int, int]
    photographs: tuple[str, ...]
    size: int


SPLITS = {  # motorcycle_right is motorcycle_left's stereo twin, text and page hold writing: none of them is used
    "train": Split(
        (0, 1100),
        ("astronaut.png", "brick.png", "camera.png", "coffee.png", "grass.png", "hubble_deep_field.jpg", "ihc.png",
         "motorcycle_left.png", "rocket.jpg"),
        10_000_000,
    ),
    "val": Split((1100, 1350), ("coins.png", "moon.png"), 2_000),
    "test": Split((1350, 1797), ("cell.png", "chelsea.png", "clock_motion.png", "gravel.png", "retina.jpg"), 2_000),
}  # fmt: skip
FULL = 256  # ease: 0 is one digit in the middle of a dark ground, FULL the task itself
SCALES = (1, 2, 3, 4)  # a crop covers 64 to 256 pixels of its photograph


@dataclass(frozen=True)
class Batch:
    """Samples side by side. `masks`: 0 ground, 1 the labelled object, 2 another one; `others`: that one's class, -1 where there is none."""

    images: Float[Tensor, "B 3 64 64"]
    labels: Int[Tensor, " B"]
    masks: UInt8[Tensor, "B 64 64"]
    others: Int[Tensor, " B"]


def sample(task: str, split: str, index: int, ease: int = FULL) -> Sample:
    """Picture `index` of a task's split. An unknown task or split and an index outside the split are refused."""
    known(task, TASKS, "task")
    size = SPLITS[known(split, SPLITS, "split")].size
    if not 0 <= index < size:
        raise FvitError(f"{task} {split} has the pictures 0 to {size - 1}, {index} given")
    return COMPOSE[task](_Stage(split, _Dice(task, split, index), ease))


def batch(task: str, split: str, indices: Sequence[int], ease: int = FULL) -> Batch:
    """The pictures `indices` as float32 in [0, 1]."""
    return collate([sample(task, split, index, ease) for index in indices])


def collate(samples: Sequence[Sample]) -> Batch:
    """Samples stacked, whatever task each one is of."""
    labels, others = ([getattr(s, name) for s in samples] for name in ("label", "other"))
    images, masks = (torch.from_numpy(np.stack([getattr(s, name) for s in samples])) for name in ("image", "mask"))
    return Batch(images.permute(0, 3, 1, 2).float() / 255.0, torch.tensor(labels), masks, torch.tensor(others))


class _Dice:
    """Integers from the picture's own stream. Only the generator's raw output is used: NumPy promises that it never changes."""

    def __init__(self, task: str, split: str, index: int):
        key = np.array([SEED, 16 * list(SPLITS).index(split) + TASKS.index(task)], dtype=np.uint64)
        counter = np.array([0, 0, 0, index], dtype=np.uint64)
        self._raw = iter(np.random.Philox(key=key, counter=counter).random_raw(128).tolist())

    def between(self, low: int, high: int) -> int:
        """A whole number in low..high, both included."""
        return low + ((next(self._raw) >> 32) * (high - low + 1) >> 32)

    def choose(self, count: int, among: int) -> list[int]:
        """`count` different numbers below `among`, in random order."""
        left = list(range(among))
        return [left.pop(self.between(0, len(left) - 1)) for _ in range(count)]


class _Stage:
    """The picture in work: a ground, and objects put on it one after the other."""

    def __init__(self, split: str, dice: _Dice, ease: int):
        self.split, self.dice, self.ease = split, dice, ease
        self.image = np.zeros((SIZE, SIZE, 3), np.int64)
        self.mask = np.zeros((SIZE, SIZE), np.uint8)

    def ground(self, crops: int = 1) -> None:
        """The busiest of `crops` random crops; darkened towards plain grey while the task is eased."""
        found = max((self._crop() for _ in range(crops)), key=_busyness)
        self.image = 20 + ((found - 20) * self.ease >> 8)

    def put(self, digit: int, pose: Pose, contrast: tuple[int, int], value: int) -> None:
        """One handwritten `digit`, coloured at a luminance `contrast` to what lies below and textured with another photograph."""
        dice, ease = self.dice, self.ease
        written = _written(self.split, digit)
        alpha = coverage(_glyph(written[dice.between(0, len(written) - 1)]), pose)
        below = int((luminance(self.image) * alpha).sum() // max(int(alpha.sum()), 1))
        light = _apart(below, dice.between(*contrast), dice.between(0, 1))
        warm, cold = (dice.between(-60, 60) * ease >> 8 for _ in range(2))
        colour = np.array([light + warm, light - (77 * warm + 29 * cold) // 150, light + cold])
        crop = self._crop()
        texture = (crop - int(luminance(crop).sum()) // SIZE**2) * (dice.between(0, 96) * ease >> 8) >> 8
        painted = np.clip(colour + texture, 0, 255)
        self.image = (self.image * (256 - alpha[..., None]) + painted * alpha[..., None] + 128) >> 8
        self.mask[alpha >= 128] = value

    def pose(self, size: tuple[int, int], x: tuple[int, int], y: tuple[int, int]) -> Pose:
        """A random pose: height of the digit's box and its centre in pixels. An eased task draws everything towards the middle of its span."""
        return Pose(*(self._eased(*span) for span in (size, x, y, (-15, 15), (-50, 50))))

    def _eased(self, low: int, high: int) -> int:
        middle = (low + high) // 2
        return middle + ((self.dice.between(low, high) - middle) * self.ease >> 8)

    def done(self, label: int, other: int = -1) -> Sample:
        return Sample(self.image.astype(np.uint8), label, self.mask, other)

    def _crop(self) -> np.ndarray:
        """64 x 64 of a photograph at one of its scales, mirrored or not, its colours in any order."""
        dice, photographs = self.dice, _photographs(self.split)
        scales = photographs[dice.between(0, len(photographs) - 1)]
        photograph = scales[dice.between(0, len(scales) - 1)]
        top, left = (dice.between(0, side - SIZE) for side in photograph.shape[:2])
        mirrored, order = dice.between(0, 1), dice.choose(3, 3)
        crop = photograph[top : top + SIZE, left : left + SIZE]
        return (crop[:, ::-1] if mirrored else crop)[..., order].astype(np.int64)


def _digits(stage: _Stage) -> Sample:
    label = stage.dice.between(0, 9)
    stage.ground()
    stage.put(label, stage.pose((44, 62), (22, 42), (24, 40)), (100, 200), 1)
    return stage.done(label)


def _pairs(stage: _Stage) -> Sample:
    """The smaller object first, so that the larger one covers it where they touch."""
    label, other = stage.dice.choose(2, 10)
    stage.ground()
    mirrored = stage.dice.between(0, 1)
    large, small = ((SIZE - 23, SIZE - 19), (10, 14)) if mirrored else ((19, 23), (SIZE - 14, SIZE - 10))
    stage.put(other, stage.pose((24, 30), small, (14, 50)), (100, 200), 2)
    stage.put(label, stage.pose((42, 50), large, (22, 42)), (100, 200), 1)
    return stage.done(label, other)


def _crowd(stage: _Stage) -> Sample:
    label = stage.dice.between(0, 9)
    stage.ground(crops=3)
    for quarter in stage.dice.choose(stage.dice.between(3, 4), 4):
        x, y = 16 + 32 * (quarter % 2), 16 + 32 * (quarter // 2)
        stage.put(label, stage.pose((26, 36), (x - 3, x + 3), (y - 3, y + 3)), (80, 180), 1)
    return stage.done(label)


COMPOSE = {"digits": _digits, "pairs": _pairs, "crowd": _crowd}


def luminance(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) in 0..255 -> (H, W), ITU-R BT.601 in whole numbers."""
    return (image @ np.array([77, 150, 29])) >> 8


def _busyness(image: np.ndarray) -> int:
    """The variance of the luminance, times the squared number of pixels: a whole number."""
    light = luminance(image)
    return light.size * int((light * light).sum()) - int(light.sum()) ** 2


def _apart(below: int, step: int, up: int) -> int:
    """A luminance `step` away from `below`: on the side chosen where both fit into 0..255, else on the side with more room."""
    fits_up, fits_down = below + step <= 255, below - step >= 0
    up = up if fits_up == fits_down and fits_up else below < 128
    return below + step if up else below - step


@functools.cache
def _written(split: str, digit: int) -> list[int]:
    """Where `digit` stands in the split's handwriting."""
    first, last = SPLITS[split].writing
    return [i for i in range(first, last) if _writing()[1][i] == digit]


@functools.cache
def _glyph(index: int) -> np.ndarray:
    return enlarged(_writing()[0][index])


@functools.cache
def _writing() -> tuple[np.ndarray, np.ndarray]:
    """load_digits: (1797, 8, 8) in 0..16, and the classes."""
    images, labels = load_digits(return_X_y=True)
    return np.asarray(images, np.int64).reshape(-1, 8, 8), np.asarray(labels)


@functools.cache
def _photographs(split: str) -> list[list[np.ndarray]]:
    """Each photograph at the scales at which a crop fits, shrunk by the rounded mean of whole blocks."""
    folder = Path(skimage.__file__).parent / "data"
    found = [np.asarray(Image.open(folder / name).convert("RGB"), dtype=np.int64) for name in SPLITS[split].photographs]
    return [[_shrunk(photo, scale) for scale in SCALES if min(photo.shape[:2]) // scale >= SIZE] for photo in found]


def _shrunk(photo: np.ndarray, scale: int) -> np.ndarray:
    height, width = (side // scale for side in photo.shape[:2])
    blocks = photo[: height * scale, : width * scale].reshape(height, scale, width, scale, 3)
    return ((blocks.sum((1, 3)) + scale * scale // 2) // (scale * scale)).astype(np.uint8)
