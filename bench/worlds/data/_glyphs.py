"""A handwritten 8 x 8 digit, enlarged, turned and sheared onto the picture's pixels, in whole numbers throughout."""

import functools
import math
from dataclasses import dataclass

import numpy as np

SIZE = 64
CELLS, FINE = 10, 8  # the digit with a cell of margin on each side; pixels a cell is enlarged to
SIDE = CELLS * FINE
ONE = 4096  # fixed point of sines; also the ink of a full cell after enlarging
INK = 1900  # where the pen's edge lies


@dataclass(frozen=True)
class Pose:
    """`box`: height of the 10 x 10 cell grid in pixels; `x`, `y`: its centre; `turn` in degrees; `shear` in 256ths."""

    box: int
    x: int
    y: int
    turn: int
    shear: int


def coverage(fine: np.ndarray, pose: Pose) -> np.ndarray:
    """How much of each pixel an enlarged digit covers, 0..256 (64, 64); its edge is about a pixel wide."""
    ink = np.zeros((SIZE, SIZE), np.int64)
    reach = pose.box * 3 // 4 + 1  # half the diagonal of the turned and sheared box
    rows, columns = (np.arange(max(0, c - reach), min(SIZE, c + reach)) for c in (pose.y, pose.x))
    ink[np.ix_(rows, columns)] = _sampled(fine, *_source(rows, columns, pose))
    return np.clip(128 + (ink - INK) * 256 * pose.box // 40_000, 0, 256)


def enlarged(digit: np.ndarray) -> np.ndarray:
    """(8, 8) in 0..16 -> (80, 80) in about 0..4096, by cubic interpolation (Keys 1981, a = -1/2)."""
    matrix = _cubic()
    return (matrix @ np.pad(digit, 1) @ matrix.T >> 18).astype(np.int32)


def _source(rows: np.ndarray, columns: np.ndarray, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel lies in the enlarged digit, in 256ths of its pixels."""
    sine, cosine = (round(f(math.radians(pose.turn)) * ONE) for f in (math.sin, math.cos))
    dy, dx = (2 * rows + 1 - 2 * pose.y)[:, None], (2 * columns + 1 - 2 * pose.x)[None]
    unit = SIDE * 128  # two half pixels make one
    y = (dy * cosine - dx * sine) * unit // (pose.box * ONE)
    x = (dx * cosine + dy * sine) * unit // (pose.box * ONE) + (y * pose.shear >> 8)
    return y + SIDE * 128 - 128, x + SIDE * 128 - 128


def _sampled(fine: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Linear interpolation between the four neighbours; nothing lies outside."""
    inside = (y >= 0) & (x >= 0) & (y < (SIDE - 1) * 256) & (x < (SIDE - 1) * 256)
    y, x = np.where(inside, y, 0), np.where(inside, x, 0)
    row, column, down, right = y >> 8, x >> 8, y & 255, x & 255
    upper = fine[row, column] * (256 - right) + fine[row, column + 1] * right
    lower = fine[row + 1, column] * (256 - right) + fine[row + 1, column + 1] * right
    return np.where(inside, upper * (256 - down) + lower * down >> 16, 0)


@functools.cache
def _cubic() -> np.ndarray:
    """(80, 10) weights in 8192ths: fine pixel i lies at (2 i + 1) / 16 - 1/2 cells, a whole number of sixteenths."""
    matrix = np.zeros((SIDE, CELLS), np.int64)
    for i in range(SIDE):
        whole, part = divmod(2 * i + 1 - 8, 16)
        for neighbour in range(-1, 3):
            cell = min(max(whole + neighbour, 0), CELLS - 1)
            matrix[i, cell] += _keys(abs(16 * neighbour - part))
    return matrix


def _keys(distance: int) -> int:
    """Keys' kernel at `distance` sixteenths of a cell, times 2 * 16^3."""
    d = distance
    if d <= 16:
        return 3 * d**3 - 5 * d * d * 16 + 2 * 16**3
    return -(d**3) + 5 * d * d * 16 - 8 * d * 256 + 4 * 16**3 if d < 32 else 0
