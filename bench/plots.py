"""The tables' plots, as PNG."""

from pathlib import Path

import matplotlib

from bench import published
from runtime.plugins import known

matplotlib.use("Agg")
from matplotlib import pyplot as plt

STYLES = {"one_shot": ("-", "o"), "chain": ("--", "s")}


def draw(table: int, cells: list[dict], path: Path) -> None:
    """The plot of `table` from its cells."""
    DRAW[known(str(table), DRAW, "plot")](cells, path)


def seconds_against_sigma(cells: list[dict], path: Path) -> None:
    """Seconds a draw (logarithmic) against the nominal sigma: solid one-shot, dashed chains, hollow computed, black the printed ones."""
    figure, axes = plt.subplots(figsize=(9, 5.2), layout="constrained")
    colours = dict(
        zip(
            dict.fromkeys((c["session"], c["precision"], c["graph"]) for c in cells),
            (plt.colormaps["tab10"](i) for i in range(10)),
            strict=False,
        )
    )
    for key in dict.fromkeys((c["session"], c["precision"], c["graph"], c["denoise"], c["rule"]) for c in cells):
        points = [
            c for c in cells if (c["session"], c["precision"], c["graph"], c["denoise"], c["rule"]) == key and c["seconds"] is not None
        ]
        line, marker = STYLES[key[3]]
        colour = colours[key[:3]]
        label = f"{key[3].replace('_', '-')}, {key[4]}: {key[0]} {key[1]}" + (" fused" if key[2] == "fused" else "")
        light = 1.0 if key[4] == "per-step" else 0.45
        axes.plot([c["sigma"] for c in points], [c["seconds"] for c in points], line, color=colour, alpha=light, label=label)
        for cell in points:
            fill = "none" if cell["word"] == "computed" else colour
            axes.plot(cell["sigma"], cell["seconds"], marker, color=colour, markerfacecolor=fill, alpha=light)
    paper = published.read(3, ("sigma", "t_star", "seconds_10_draws", "seconds_a_draw"))
    axes.plot(paper.index, paper["seconds_a_draw"], "k:", marker="x", label="printed in the paper (its machine)")
    axes.set(
        yscale="log", xlabel="nominal sigma (of 255)", ylabel="seconds a draw", xticks=list(paper.index), title="Table 3: cost of a draw"
    )
    axes.grid(True, which="major", alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=7)
    figure.savefig(path, dpi=120)
    plt.close(figure)


DRAW = {"3": seconds_against_sigma}
