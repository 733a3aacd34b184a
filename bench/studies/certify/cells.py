"""What is certified of each cell, drawn over the first pictures' maps."""

import math
from pathlib import Path

import numpy as np
import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench.pages.drawing import png, show_map, show_picture
from bench.worlds.data import digits as embedded

MOST = 160_000  # bytes of the picture
KINDS = {0: ("#20203a", "out of the top quarter"), -1: ("#9a9a9a", "abstains"), 1: ("#f5b02e", "in the top quarter")}


def draw(shown: list[tuple[int, np.ndarray, np.ndarray]], task: str, path: Path) -> None:
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
