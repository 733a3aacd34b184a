"""Table 3 as a picture: seconds per draw against the nominal noise."""

from collections.abc import Sequence

from matplotlib import colormaps
from matplotlib.figure import Figure

from bench.pages.drawing import png
from bench.pages.published import read
from bench.studies.draws.cells import TimedCell
from bench.studies.draws.run import CHAIN, FUSED, ONE_SHOT

MOST = 60_000  # bytes of the plot
STYLES = {ONE_SHOT: ("-", "o"), CHAIN: ("--", "s")}
SHOWN = {ONE_SHOT: "one-shot", CHAIN: "chain"}
COLUMNS = ("sigma", "t_star", "seconds_10_draws", "seconds_a_draw")  # of the printed table


def seconds_against_sigma(cells: Sequence[TimedCell]) -> bytes:
    """Seconds per draw (logarithmic) against the nominal sigma: solid one-shot, dashed chains, hollow computed, black the printed ones."""
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    axes = figure.subplots()
    engines = dict.fromkeys((*cell.engine, cell.run.graph) for cell in cells)
    colours = {engine: colormaps["tab10"](number % 10) for number, engine in enumerate(engines)}
    for key in dict.fromkeys((cell.engine, cell.run.graph, cell.run.denoise, cell.run.rule) for cell in cells):
        (session, precision), graph, denoise, rule = key
        same = [c for c in cells if (c.engine, c.run.graph, c.run.denoise, c.run.rule) == key]
        points = [(cell, cell.seconds) for cell in same if cell.seconds is not None]
        line, marker = STYLES[denoise]
        colour, light = colours[session, precision, graph], 1.0 if rule == "per-step" else 0.45
        label = f"{SHOWN[denoise]}, {rule}: {session} {precision}" + (" fused" if graph == FUSED else "")
        axes.plot([c.run.of_255 for c, _ in points], [seconds for _, seconds in points], line, color=colour, alpha=light, label=label)
        for cell, seconds in points:
            fill = colour if cell.measured else "none"
            axes.plot(cell.run.of_255, seconds, marker, color=colour, markerfacecolor=fill, alpha=light)
    paper = read("3", COLUMNS)
    axes.plot(paper.index, paper["seconds_a_draw"], "k:", marker="x", label="printed in the paper (its machine)")
    axes.set(
        yscale="log", xlabel="nominal sigma (of 255)", ylabel="seconds per draw", xticks=list(paper.index), title="Table 3: cost of a draw"
    )
    axes.grid(True, which="major", alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=7)
    return png(figure, MOST)
