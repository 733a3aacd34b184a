"""Cheap stand-ins for the denoiser, to show what the diffusion model adds: nobody trained them and nobody tuned them.

blur  Gaussian, deviation 1/64 of the picture's side (1 pixel of 64)
jpeg  compressed at quality 25 and read again
"""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from runtime.protocols import Denoiser, Noise

SHARE, QUALITY = 64, 25


def blur(noisy: Tensor, sigma: float, noise: Noise) -> Tensor:
    """Reaches three deviations to each side."""
    deviation = noisy.shape[-1] / SHARE
    return gaussian_blur(noisy, [2 * round(3 * deviation) + 1] * 2, [deviation] * 2)


def jpeg(noisy: Tensor, sigma: float, noise: Noise) -> Tensor:
    """Picture by picture through Pillow, in 8 bits."""
    return torch.stack([_through(picture) for picture in noisy.cpu()]).to(noisy)


def _through(picture: Tensor) -> Tensor:
    pixels = (picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255


CONTROLS: dict[str, Denoiser] = {"blur": blur, "jpeg": jpeg}
