"""Pictures of the world's data: a page of samples, and the denoiser at work."""

import torch
from matplotlib.figure import Figure

from bench.pages.drawing import png
from bench.studies.denoiser.measure import NOISES
from bench.worlds.workbench import Workbench
from runtime.diffusion import denoise
from runtime.noise import DrawNoise

MOST = 300_000  # bytes of a page
PAGE = 64  # pictures, 8 in a row


def samples(bench: Workbench) -> bytes:
    """64 test pictures in rows of 8, each with its label and the outline of its mask."""
    figure = Figure(figsize=(10, 11), layout="constrained")
    axes = iter(figure.subplots(8, 8).ravel())
    tasks = bench.world.scene.tasks
    for i, task in enumerate(tasks):
        batch = bench.world.pictures(task, "test", range(_share(i, len(tasks))), bench.backbone)
        for number, (image, label) in enumerate(zip(batch.images, batch.labels.tolist(), strict=True)):
            place = next(axes)
            place.imshow(image.permute(1, 2, 0).numpy(), interpolation="nearest")
            if batch.masks is not None:
                place.contour((batch.masks[number] == 1).numpy(), levels=[0.5], colors="white", linewidths=0.6)
            other = -1 if batch.other_labels is None else int(batch.other_labels[number])
            place.set_title(f"{task} {label}" + (f" ({other})" if other >= 0 else ""), fontsize=8)
            place.set_axis_off()
    figure.suptitle("test pictures 0, 1, ... of each task; outlined: the labelled object (in brackets: the other one)", fontsize=9)
    return png(figure, MOST)


def _share(i: int, tasks: int) -> int:
    """Pictures of the i-th task: an equal share; the first tasks get what is left."""
    return PAGE // tasks + (i < PAGE % tasks)


@torch.inference_mode()
def denoised(bench: Workbench) -> bytes:
    """Two test pictures of each task under every noise: noisy above, denoised below."""
    world, denoiser = bench.world, bench.denoiser
    images = torch.cat([world.pictures(task, "test", (0, 1), bench.backbone).images for task in world.scene.tasks]).to(bench.device)
    one_shot = denoise.one_shot(denoiser.model, denoiser.schedule)
    rows = [("clean", images)]
    for level in NOISES:
        sigma = float(denoiser.schedule.sigmas[denoiser.schedule.step_at(level / 255)])
        noise = DrawNoise(0, range(len(images)), [0] * len(images))
        noisy = images + sigma * noise.normal(images)
        rows += [(f"noise {level}/255", noisy), ("denoised", one_shot(noisy, sigma, noise))]
    figure = Figure(figsize=(7, 10), layout="constrained")
    for line, (name, pictures) in zip(figure.subplots(len(rows), len(images)), rows, strict=True):
        for place, picture in zip(line, pictures.cpu(), strict=True):
            place.imshow(picture.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
            place.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, fontsize=8)
    return png(figure, MOST)
