"""Panels of maps as PNG: a row for each picture, state and class; the maps one colour scale from 0 to each map's largest cell."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from bench.explaining import Seen
from runtime.explain import upsampled


def draw(seen: list[Seen], path: Path) -> None:
    """Picture, one denoised draw, then each explainer's map without DDS and with it, fuse by fuse."""
    rows = [(one, number) for one in seen for number in dict.fromkeys(key[1] for key in one.plain)]
    specs, fuses = list(dict.fromkeys(key[0] for key in seen[0].dds)), list(dict.fromkeys(key[2] for key in seen[0].dds))
    columns = 2 + len(specs) * (1 + len(fuses))
    figure = Figure(figsize=(1.75 * columns + 0.9, 1.95 * len(rows) + 0.6), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, (one, number) in zip(axes, rows, strict=True):
        told = f"{one.name}, {one.state}\nundefended: {one.classes[int(one.scores.argmax())]}"
        _picture(line[0], one.image, told, one.mask)
        _picture(
            line[1],
            one.denoised,
            f"a draw, denoised\nvotes: {one.classes[int(one.votes.argmax())]} ({int(one.votes.max())} of {int(one.votes.sum())})",
        )
        shown = [(f"{spec}\nof class {one.classes[number]}", one.plain[spec, number]) for spec in specs]
        for at, (title, relevance) in enumerate(shown):
            place = line[2 + at * (1 + len(fuses)) :]
            last = _map(place[0], relevance, title, one.image.shape[-1])
            for fuse, axis in zip(fuses, place[1 : 1 + len(fuses)], strict=True):
                last = _map(
                    axis, one.dds[specs[at], number, fuse], f"{specs[at]}, DDS\n{fuse} of {int(one.votes.sum())}", one.image.shape[-1]
                )
    figure.colorbar(last, ax=axes, shrink=0.6, label="share of the map's largest cell", pad=0.01)
    figure.suptitle(
        f"real noise {255 * seen[0].level.sigma:.0f}/255" + ("; outlined: the labelled object" if seen[0].mask is not None else ""),
        fontsize=9,
    )
    figure.savefig(path, dpi=100)


def _picture(axes: Axes, picture: Tensor, title: str, mask: Tensor | None = None) -> None:
    axes.imshow(picture.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
    if mask is not None:
        axes.contour((mask == 1).numpy(), levels=[0.5], colors="white", linewidths=0.7)
    axes.set_title(title, fontsize=7)
    axes.set_axis_off()


def _map(axes: Axes, relevance: Tensor, title: str, size: int) -> AxesImage:
    shown = relevance.clamp_min(0)
    shown = upsampled(shown[None] / shown.max().clamp_min(1e-30), size)[0]
    axes.set_title(title, fontsize=7)
    axes.set_axis_off()
    return axes.imshow(shown.numpy(), cmap="inferno", vmin=0, vmax=1, interpolation="nearest")
