"""Pictures of the embedded world to look at: a page of samples, and the denoiser at work."""

from pathlib import Path

import torch
from matplotlib.figure import Figure

from bench.pages import drawing as panels
from bench.worlds.data import digits as embedded
from bench.worlds.data.digits import TASKS
from runtime.diffusion import denoise
from runtime.diffusion.networks import DenoiserNetwork
from runtime.noise import DrawNoise

MOST = 300_000  # bytes of a page
PAGE = {"digits": 24, "pairs": 20, "crowd": 20}  # 64 test pictures
NOISES = (8, 16, 32, 64)  # of 255


def samples(path: Path) -> None:
    """64 test pictures in rows of 8, each with its label and the outline of its mask."""
    figure = Figure(figsize=(10, 11), layout="constrained")
    axes = figure.subplots(8, 8).ravel()
    shown = [(task, index) for task, count in PAGE.items() for index in range(count)]
    for place, (task, index) in zip(axes, shown, strict=True):
        one = embedded.sample(task, "test", index)
        place.imshow(one.image, interpolation="nearest")
        place.contour(one.mask == 1, levels=[0.5], colors="white", linewidths=0.6)
        place.set_title(f"{task} {one.label}" + (f" ({one.other})" if one.other >= 0 else ""), fontsize=8)
        place.set_axis_off()
    figure.suptitle("test pictures 0, 1, ... of each task; outlined: the labelled object (in brackets: the other one)", fontsize=9)
    path.write_bytes(panels.png(figure, MOST))


@torch.inference_mode()
def denoised(denoiser: DenoiserNetwork, path: Path) -> None:
    """Two test pictures of each task under four noises: noisy above, denoised below."""
    images = torch.cat([embedded.batch(task, "test", (0, 1)).images for task in TASKS])
    one_shot = denoise.one_shot(denoiser.model, denoiser.schedule)
    rows = [("clean", images)]
    for level in NOISES:
        sigma = float(denoiser.schedule.sigmas[denoiser.schedule.step_at(level / 255)])
        noise = DrawNoise(0, range(len(images)), [0] * len(images))
        noisy = images + sigma * noise.normal(images)
        rows += [(f"noise {level}/255", noisy), ("denoised", one_shot(noisy, sigma, noise))]
    figure = Figure(figsize=(7, 10), layout="constrained")
    for line, (told, pictures) in zip(figure.subplots(len(rows), len(images)), rows, strict=True):
        for place, picture in zip(line, pictures, strict=True):
            place.imshow(picture.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
            place.set(xticks=[], yticks=[])
        line[0].set_ylabel(told, fontsize=8)
    path.write_bytes(panels.png(figure, MOST))
