"""The panels of `fvit explain` and `fvit demo`, and what the demo's one says."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from bench.pages.drawing import png, show_map, show_picture
from bench.studies.figures.explain import Explanation

MOST = 160_000  # bytes of a panel


def draw(explanations: Sequence[Explanation]) -> bytes:
    """A row for each picture, state and class: picture, one denoised draw, then each explainer's map without DDS and with it, fuse by fuse."""
    rows = [(one, number) for one in explanations for number in dict.fromkeys(number for _, number in one.plain)]
    first = explanations[0]
    specs, fuses = list(dict.fromkeys(spec for spec, _ in first.plain)), list(dict.fromkeys(fuse for _, _, fuse in first.dds))
    columns = 2 + len(specs) * (1 + len(fuses))
    figure = Figure(figsize=(1.75 * columns + 0.9, 1.95 * len(rows) + 0.6), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, (one, number) in zip(axes, rows, strict=True):
        show_picture(line[0], one.image, f"{one.subject.name}, {one.state}\nundefended: {one.classes[one.answer]}", one.subject.mask)
        show_picture(line[1], one.denoised, f"a draw, denoised\nvotes: {one.classes[one.voted]} ({_votes(one)})")
        titles: list[tuple[str, Tensor]] = []
        for spec in specs:
            titles.append((f"{spec}\nof class {one.classes[number]}", one.plain[spec, number]))
            titles += [(f"{spec}, DDS\n{fuse} of {int(one.votes.sum())}", one.dds[spec, number, fuse]) for fuse in fuses]
        for place, (title, relevance) in zip(line[2:], titles, strict=True):
            last = show_map(place, relevance, title, one.image.shape[-1])
    figure.colorbar(last, ax=axes, shrink=0.6, label="share of the map's largest cell", pad=0.01)
    outlined = "; outlined: the labelled object" if first.subject.mask is not None else ""
    figure.suptitle(f"real noise {_noise(first)}/255{outlined}", fontsize=9)
    return png(figure, MOST)


def demo(clean: Explanation, attacked: Explanation) -> bytes:
    """Two rows, the picture as it is and attacked: picture, undefended map, a draw before and after the denoiser, mean map, votes."""
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    axes, truth = figure.subplots(2, 6, width_ratios=(1, 1, 1, 1, 1, 1.3)), clean.subject.label
    for line, one in zip(axes, (clean, attacked), strict=True):
        draws = int(one.votes.sum())
        (spec, number), plain = next(iter(one.plain.items()))
        _plain(line[0], one.image, f"{one.state}: class {truth}")
        _relevance(line[1], plain, f"{spec}, undefended: {one.answer}", one.answer == truth)
        _plain(line[2], one.noisy, f"a draw: noise {_noise(one)}/255")
        _plain(line[3], one.denoised, "denoised")
        _relevance(line[4], one.dds[spec, number, "mean"], f"mean {spec}, DDS: {one.voted}", one.voted == truth)
        labels = range(len(one.votes))
        line[5].bar(labels, one.votes.tolist(), color=["tab:green" if label == truth else "grey" for label in labels])
        line[5].set(title=f"votes of {draws} draws", xticks=labels, ylim=(0, draws))
    return png(figure, MOST)


def sentences(clean: Explanation, attacked: Explanation) -> str:
    """Three sentences from what was measured."""
    behind = [f"{one.voted} ({_votes(one, ' draws')})" for one in (clean, attacked)]
    return (
        f"The picture's class is {clean.subject.label}; undefended, the ViT says {clean.answer}, and {attacked.answer} after PGD (l_inf 8/255, "
        f"10 steps). Behind DDS at real noise {_noise(clean)}/255 it says {behind[0]} of the picture as it is and {behind[1]} of the attacked "
        "one. The attack was made on the undefended ViT; what an attack through the defence does is in the adaptive column of fvit world."
    )


def _votes(one: Explanation, unit: str = "") -> str:
    return f"{int(one.votes.max())} of {int(one.votes.sum())}{unit}"


def _noise(one: Explanation) -> str:
    """Of 255."""
    return f"{255 * one.level.sigma:.0f}"


def _plain(axes: Axes, picture: Tensor, title: str) -> None:
    axes.imshow(picture.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()


def _relevance(axes: Axes, relevance: Tensor, title: str, right: bool) -> None:
    axes.imshow(relevance.numpy(), cmap="inferno", interpolation="nearest")
    axes.set_title(title, fontsize=10, color="green" if right else "red")
    axes.set_axis_off()
