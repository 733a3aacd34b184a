"""Pictures of noise, so that a pixel out of place cannot pass."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photo():
    """photo(path, seed, (width, height)): a picture written to `path`; its pixels as a reader finds them, (H, W, 3)."""

    def write(path, seed, size=(8, 8)):
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        with Image.open(path) as image:
            return np.asarray(image)

    return write


@pytest.fixture
def vast():
    """vast(path): a picture of 4 x 4 whose header, damaged, promises 60,000 x 60,000; Pillow refuses it with an error of its own."""

    def write(path):
        Image.new("RGB", (4, 4)).save(path, "BMP")
        raw = bytearray(path.read_bytes())
        raw[18:26] = (60_000).to_bytes(4, "little") * 2
        path.write_bytes(raw)

    return write


@pytest.fixture
def same():
    """same(item, pixels): the item's picture is these pixels in [0, 1], channels first."""

    def check(item, pixels):
        assert item.image.shape == (3, *pixels.shape[:2]) and item.image.is_contiguous()
        np.testing.assert_allclose(item.image.numpy(), pixels.transpose(2, 0, 1).astype(np.float64) / 255, atol=1e-7)

    return check
