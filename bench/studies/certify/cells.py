"""What is certified of each cell, drawn over the first pictures' maps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy import ndarray
from torch import Tensor

from bench.pages.drawing import png, show_map, show_picture

MOST = 160_000  # bytes of the picture
KINDS = {0: ("#20203a", "out of the top quarter"), -1: ("#9a9a9a", "abstains"), 1: ("#f5b02e", "in the top quarter")}


@dataclass(frozen=True)
class Shown:
    """One column: the picture (None: it is not here), its mean map, and what is certified of each cell: 1, 0 or -1."""

    title: str
    picture: Float[Tensor, "3 S S"] | None
    mean: Float[ndarray, "G1 G2"]
    kinds: Int[ndarray, "G1 G2"]


def draw(shown: Sequence[Shown]) -> bytes:
    """A PNG."""
    figure = Figure(figsize=(1.5 * len(shown) + 0.4, 5.4), layout="constrained")
    axes = figure.subplots(3, len(shown), squeeze=False)
    colours = ListedColormap([colour for colour, _ in KINDS.values()])
    for column, item in zip(axes.T, shown, strict=True):
        if item.picture is None:
            column[0].set_title(item.title, fontsize=7)
            column[0].set_axis_off()
        else:
            show_picture(column[0], item.picture, item.title)
        show_map(column[1], torch.from_numpy(item.mean), "mean map", 64)
        places = np.vectorize(list(KINDS).index)(item.kinds)
        column[2].imshow(places, cmap=colours, vmin=-0.5, vmax=len(KINDS) - 0.5, interpolation="nearest")
        column[2].set_title("certified cells", fontsize=7)
        column[2].set_axis_off()
    handles = [Patch(facecolor=colour, edgecolor="black", label=text) for colour, text in KINDS.values()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)
    return png(figure, MOST)
