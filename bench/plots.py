"""The tables' plots, as PNG."""

from pathlib import Path

import matplotlib

from bench import panels, published
from bench.figures import OURS
from runtime.plugins import known

matplotlib.use("Agg")
from matplotlib import pyplot as plt

MOST = 60_000  # bytes of a plot
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
    path.write_bytes(panels.png(figure, MOST))
    plt.close(figure)


def against_radius(cells: list[dict], path: Path) -> None:
    """Each row's value against the attack's radius, with its interval, a panel for each norm; dashed: an attack through the defence."""
    norms = list(dict.fromkeys(cell["column"].rpartition(" ")[0] for cell in cells))
    figure, places = plt.subplots(1, len(norms), figsize=(2.4 + 4.6 * len(norms), 4.4), layout="constrained", squeeze=False, sharey=True)
    rows = [row for row in dict.fromkeys(cell["row"] for cell in cells) if not row.startswith(f"{OURS},")]  # the same defence again
    for norm, axes in zip(norms, places[0], strict=True):
        for number, row in enumerate(rows):
            points = [c for c in cells if c["row"] == row and c["column"].rpartition(" ")[0] == norm and c["ours"] is not None]
            radii, values = [float(c["column"].rpartition(" ")[2].split("/")[0]) for c in points], [c["ours"] for c in points]
            reach = [[c["ours"] - c["low"] for c in points], [c["high"] - c["ours"] for c in points]]
            line = "--" if "through" in row or "past" in row else "-"
            axes.errorbar(
                radii, values, reach, fmt=line, marker="o", markersize=3, capsize=2, color=plt.colormaps["tab10"](number), label=row
            )
        axes.set(xlabel=f"radius of the attack (of 255){', ' + norm if norm else ''}", ylim=(-0.03, 1.03))
        axes.grid(True, alpha=0.3)
    places[0][0].set_ylabel(cells[0]["metric"])
    handles, labels = places[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8)
    path.write_bytes(panels.png(figure, MOST))
    plt.close(figure)


DRAW = {"3": seconds_against_sigma, "6": against_radius, "8": against_radius, "10": against_radius}
