"""Panels of maps as PNG: a row for each picture, state and class; the maps one colour scale from 0 to each map's largest cell."""

import io
import math
import textwrap
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from PIL import Image
from torch import Tensor

from bench.data import embedded
from bench.explaining import Seen
from runtime.explain import upsampled

MOST = 160_000  # bytes of a panel
KINDS = {0: ("#20203a", "out of the top quarter"), -1: ("#9a9a9a", "abstains"), 1: ("#f5b02e", "in the top quarter")}


def draw(seen: list[Seen], path: Path) -> None:
    """Picture, one denoised draw, then each explainer's map without DDS and with it, fuse by fuse."""
    rows = [(one, number) for one in seen for number in dict.fromkeys(key[1] for key in one.plain)]
    specs, fuses = list(dict.fromkeys(key[0] for key in seen[0].dds)), list(dict.fromkeys(key[2] for key in seen[0].dds))
    columns = 2 + len(specs) * (1 + len(fuses))
    figure = Figure(figsize=(1.75 * columns + 0.9, 1.95 * len(rows) + 0.6), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, (one, number) in zip(axes, rows, strict=True):
        told = f"{one.name}, {one.state}\nundefended: {one.classes[int(one.scores.argmax())]}"
        show_picture(line[0], one.image, told, one.mask)
        show_picture(
            line[1],
            one.denoised,
            f"a draw, denoised\nvotes: {one.classes[int(one.votes.argmax())]} ({int(one.votes.max())} of {int(one.votes.sum())})",
        )
        shown = [(f"{spec}\nof class {one.classes[number]}", one.plain[spec, number]) for spec in specs]
        for at, (title, relevance) in enumerate(shown):
            place = line[2 + at * (1 + len(fuses)) :]
            last = show_map(place[0], relevance, title, one.image.shape[-1])
            for fuse, axis in zip(fuses, place[1 : 1 + len(fuses)], strict=True):
                last = show_map(
                    axis, one.dds[specs[at], number, fuse], f"{specs[at]}, DDS\n{fuse} of {int(one.votes.sum())}", one.image.shape[-1]
                )
    figure.colorbar(last, ax=axes, shrink=0.6, label="share of the map's largest cell", pad=0.01)
    figure.suptitle(
        f"real noise {255 * seen[0].level.sigma:.0f}/255" + ("; outlined: the labelled object" if seen[0].mask is not None else ""),
        fontsize=9,
    )
    path.write_bytes(png(figure, MOST))


def cells(shown: list[tuple[int, np.ndarray, np.ndarray]], task: str, path: Path) -> None:
    """Pictures of the embedded world, their mean maps and what is certified of each cell; `shown`: number, map (T,), kinds (T,) 1, 0 or -1."""
    figure = Figure(figsize=(1.5 * len(shown) + 0.4, 5.4), layout="constrained")
    axes = figure.subplots(3, len(shown), squeeze=False)
    colours = ListedColormap([colour for colour, _ in KINDS.values()])
    for column, (number, mean, kinds) in zip(axes.T, shown, strict=True):
        side = math.isqrt(len(mean))
        show_picture(column[0], embedded.batch(task, "test", [number]).images[0], f"{task} {number}")
        show_map(column[1], torch.from_numpy(mean).reshape(side, side), "mean map", 64)
        places = np.vectorize(list(KINDS).index)(kinds).reshape(side, side)
        column[2].imshow(places, cmap=colours, vmin=-0.5, vmax=len(KINDS) - 0.5, interpolation="nearest")
        column[2].set_title("certified cells", fontsize=7)
        column[2].set_axis_off()
    handles = [Patch(facecolor=colour, edgecolor="black", label=told) for colour, told in KINDS.values()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)
    path.write_bytes(png(figure, MOST))


def caption(figure: Figure, text: str) -> None:
    """`text` in small lines below everything else, for which the figure grows."""
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(text, int(19 * width))
    figure.set_size_inches(width, height + 0.14 * len(lines))
    figure.supxlabel("\n".join(lines), fontsize=7, x=0.01, ha="left")


def png(figure: Figure, most: int) -> bytes:
    """With a palette, the largest with which it has at most `most` bytes, or 64 colours."""
    drawn, found = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    whole = Image.open(drawn).convert("RGB")
    for colours in (256, 128, 64):
        found = io.BytesIO()
        whole.quantize(colours, Image.Quantize.MEDIANCUT).save(found, "png", optimize=True)
        if found.tell() <= most:
            break
    return found.getvalue()


def show_picture(axes: Axes, picture: Tensor, title: str, mask: Tensor | None = None) -> None:
    axes.imshow(picture.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
    _outline(axes, mask)
    axes.set_title(title, fontsize=7)
    axes.set_axis_off()


def show_map(axes: Axes, relevance: Tensor, title: str, size: int, mask: Tensor | None = None) -> AxesImage:
    shown = relevance.clamp_min(0)
    shown = upsampled(shown[None] / shown.max().clamp_min(1e-30), size)[0]
    _outline(axes, mask)
    axes.set_title(title, fontsize=7)
    axes.set_axis_off()
    return axes.imshow(shown.numpy(), cmap="inferno", vmin=0, vmax=1, interpolation="nearest")


def _outline(axes: Axes, mask: Tensor | None) -> None:
    if mask is not None:
        axes.contour((mask == 1).numpy(), levels=[0.5], colors="white", linewidths=0.7)
