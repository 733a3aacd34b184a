"""`fvit demo`: one picture of the embedded world, attacked; undefended and defended, as a panel and in three sentences."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from torch import Tensor

from bench.attacks import pgd
from bench.attacks._budget import Budget
from bench.attacks._target import Target, classifier
from bench.records.clock import settled
from bench.worlds.data import digits as embedded
from bench.worlds.world import NOISE, World, WorldOptions, build
from runtime.diffusion import denoise, schedule
from runtime.errors import FvitError
from runtime.maps import explain
from runtime.noise import DrawNoise
from runtime.smooth import Explained, Plan, smooth, staged

DRAWS = 10
BUDGET = Budget("linf", 8 / 255, 2 / 255, 10, random_start=True, seed=1)


@dataclass(frozen=True)
class Seen:
    """What becomes of one picture: undefended scores and map, one draw before and after the denoiser, votes and mean map."""

    picture: Tensor
    label: int
    map: Tensor
    noisy: Tensor
    denoised: Tensor
    votes: Tensor
    mean_map: Tensor


def run(options: argparse.Namespace) -> int:
    """Attacks, defends, writes the panel, says what it shows."""
    sample = embedded.batch(options.task, "test", [options.picture])
    world = build(WorldOptions())
    with settled():
        attack = pgd.build(Target(classifier(world.backbone.model)), BUDGET)
        attacked = attack(sample.images, sample.labels, [options.picture])
        rows = {"as it is": seen(world, sample.images, options.picture), "attacked": seen(world, attacked, options.picture)}
    truth = int(sample.labels[0])
    panel(rows, truth, options.output)
    Console().print(sentences(rows, truth), highlight=False)
    print(f"written: {options.output}")
    return 0


def seen(world: World, image: Tensor, number: int) -> Seen:
    """The undefended and the defended look at `image` (1, 3, S, S), in eager PyTorch."""
    level = schedule.level(world.denoiser.schedule, NOISE / 255, "cumulative")
    explainer = explain.build("rollout", world.backbone)
    denoiser = denoise.one_shot(world.denoiser.model, world.denoiser.schedule)
    size = world.denoiser.size
    step = staged(denoiser, world.backbone.model, level.sigma, world.backbone.size)
    with torch.inference_mode():
        label = world.backbone.model(image).argmax(1)
        noise = DrawNoise(0, [number], [0])
        noisy = image + level.sigma * noise.normal(image)
        denoised = denoiser(noisy, level.sigma, noise)
        smoothed = smooth(image, [number], Plan(level.sigma, DRAWS, 0, DRAWS, (size, size)), step, Explained({"rollout": explainer}))
    mean = smoothed.maps["rollout", "mean"].maps[0]
    return Seen(image[0], int(label), explainer(image, label)[0], noisy[0], denoised[0], smoothed.votes[0], mean)


def sentences(rows: dict[str, Seen], truth: int) -> str:
    """Three sentences from what was measured."""
    clean, attacked = rows["as it is"], rows["attacked"]
    said = [f"{int(one.votes.argmax())} ({int(one.votes.max())} of {DRAWS} draws)" for one in (clean, attacked)]
    return (
        f"The picture's class is {truth}; undefended, the ViT says {clean.label}, and {attacked.label} after PGD (l_inf 8/255, 10 steps). "
        f"Behind DDS at real noise {NOISE}/255 it says {said[0]} of the picture as it is and {said[1]} of the attacked one. "
        "The attack was made on the undefended ViT; what one through the defence does is in the adaptive rows of fvit world."
    )


def panel(rows: dict[str, Seen], truth: int, path: Path) -> None:
    """Two rows, the picture as it is and attacked; six columns."""
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    axes = figure.subplots(2, 6, width_ratios=(1, 1, 1, 1, 1, 1.3))
    for line, (name, one) in zip(axes, rows.items(), strict=True):
        _picture(line[0], one.picture, f"{name}: class {truth}")
        _map(line[1], one.map, f"rollout, undefended: {one.label}", one.label == truth)
        _picture(line[2], one.noisy, f"a draw: noise {NOISE}/255")
        _picture(line[3], one.denoised, "denoised")
        voted = int(one.votes.argmax())
        _map(line[4], one.mean_map, f"mean rollout, DDS: {voted}", voted == truth)
        line[5].bar(range(len(one.votes)), one.votes.tolist(), color=["tab:green" if k == truth else "grey" for k in range(10)])
        line[5].set(title=f"votes of {DRAWS} draws", xticks=range(10), ylim=(0, DRAWS))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=100)
    except (OSError, ValueError) as error:
        raise FvitError(f"cannot write {path} ({error}); give --output the name of a .png in a folder with room") from error


def _picture(axes: Axes, picture: Tensor, title: str) -> None:
    axes.imshow(picture.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()


def _map(axes: Axes, relevance: Tensor, title: str, right: bool) -> None:
    axes.imshow(relevance.numpy(), cmap="inferno", interpolation="nearest")
    axes.set_title(title, fontsize=10, color="green" if right else "red")
    axes.set_axis_off()
