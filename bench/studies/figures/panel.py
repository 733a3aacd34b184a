"""The panel of `fvit explain`: a row for each picture, state and class."""

from pathlib import Path

from matplotlib.figure import Figure

from bench.pages.drawing import png, show_map, show_picture
from bench.studies.figures.explain import Seen

MOST = 160_000  # bytes of a panel


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
