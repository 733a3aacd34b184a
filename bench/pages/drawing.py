"""What figures are made of: pictures, maps in one colour scale from 0 to the map's largest cell, captions, small PNG files."""

import io
import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL import Image
from torch import Tensor

from runtime.maps.explain import upsampled


def caption(figure: Figure, text: str) -> None:
    """`text` in small lines below everything else, for which the figure grows."""
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(text, int(19 * width))
    figure.set_size_inches(width, height + 0.14 * len(lines))
    figure.supxlabel("\n".join(lines), fontsize=7, x=0.01, ha="left")


def png(figure: Figure, most: int) -> bytes:
    """With a palette, the largest with which it has at most `most` bytes, or 64 colours."""
    drawn, found = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100, pil_kwargs={"compress_level": 1})  # read again at once
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
