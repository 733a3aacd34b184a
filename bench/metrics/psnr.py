"""Peak signal to noise ratio: 10 log10(1 / mean squared error) in dB for pixels in [0, 1]."""

import torch
from torch import Tensor

from runtime.diffusion import denoise
from runtime.diffusion.schedule import NoiseSchedule
from runtime.noise import DrawNoise
from runtime.protocols import Session

BATCH = 32


def gain(network: Session, schedule: NoiseSchedule, images: Tensor, sigma: float) -> float:
    """The mean of `gains`."""
    return gains(network, schedule, images, sigma).mean().item()


@torch.inference_mode()
def gains(network: Session, schedule: NoiseSchedule, images: Tensor, sigma: float) -> Tensor:
    """(B,): the PSNR that one-shot denoising gains on each of `images` (B, 3, H, W) at the noise of the first step with at least `sigma`."""
    real = float(schedule.sigmas[schedule.step_at(sigma)])
    denoiser, found = denoise.one_shot(network, schedule), []
    for start in range(0, len(images), BATCH):
        clean = images[start : start + BATCH]
        noise = DrawNoise(0, list(range(start, start + len(clean))), [0] * len(clean))
        noisy = clean + real * noise.normal(clean)
        found.append(psnr(denoiser(noisy, real, noise), clean) - psnr(noisy, clean))
    return torch.cat(found)


def psnr(found: Tensor, wanted: Tensor) -> Tensor:
    """(B, ...) and (B, ...) -> (B,) in dB; equal pictures count as an error of one part in 10^10."""
    return -10.0 * (found - wanted).square().flatten(1).mean(1).clamp_min(1e-10).log10()
