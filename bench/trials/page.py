"""A table of looks as text and plot: its head, its grid of cells, the pictures left out, the notes."""

from pathlib import Path

from matplotlib import colormaps
from matplotlib.figure import Figure

from bench.attacks.autoattack import QUERIES
from bench.pages.drawing import png
from bench.pages.page import table
from bench.protocols import OURS
from bench.trials.run import Look
from bench.trials.scene import Settings
from bench.worlds.attack import VARIANTS
from bench.worlds.presets import preset

MOST = 60_000  # bytes of a plot
UNREAD = "the paper's cell is not in bench/tables/published: no copy of the paper could be read where these files were written"


def head(head: dict, cells: list[dict], settings: Settings, where: set[tuple[str, str]]) -> str:
    made, environment = preset(settings.preset), head["environment"]
    noises = sorted({cell["real_sigma_255"] for cell in cells if cell.get("real_sigma_255")})
    weights = "; ".join(f"{name} {value}" for name, value in head["weights"].items())
    stage = VARIANTS["autoattack"].steps or 0
    shards = f", measured in {head['shards']} shards" if "shards" in head else ""
    lines = [
        f"preset `{made.name}`: nominal sigma {made.sigma:g}/255 under rule `{made.rule}`, denoiser `{made.denoise}`, maps fused by "
        f"`{made.fuse}`, {made.draws} draws; noise is added in pixels on the denoiser's {head['grid']} x {head['grid']} grid; "
        f"real noise of these cells (of 255): {', '.join(f'{noise:.1f}' for noise in noises) or 'none'}",
        f"attack: steps of {made.step} as printed, random start, untargeted, on the undefended network unless a row says otherwise; the "
        f"attacked pictures are looked at once, with noise that the attacker did not see; randomised accuracy: majority of the draws; "
        f"AutoAttack has {stage} steps a stage and {QUERIES * stage} queries (the official set: 100 and 5,000)",
        f"maps explain the label that the (defended) classifier gave; n up to {settings.n} test pictures a cell, seed {settings.seed}",
        f"world `{settings.world}`: {weights}; {settings.scene.about}",
        *head["notes"],
        f"commit {environment['commit']}, {environment['cpu']}, {environment['cores']} cores, torch {environment['versions']['torch']}, "
        f"timm {environment['versions']['timm']}, session ort fp32, execution batch 10{shards}",
    ]
    if len(where) == 1:
        lines.insert(2, "every cell: {} on `{}`".format(*where.pop()))
    if all(cell["paper"] is None for cell in cells):
        lines.append(f"paper: {UNREAD}")
    return "".join(f"- {line}\n" for line in lines)


def left_out(looks: list[Look], looked: dict[str, dict]) -> str:
    """The pictures that could not be used, each once."""
    rows = [looked[look.key] for look in looks if look.key in looked]
    pairs = dict.fromkeys((row["look"]["task"], *pair) for row in rows for pair in row.get("left_out", []))
    return "".join(f"- left out of {task}: {name}: {reason}\n" for task, name, reason in pairs)


def grid(cells: list[dict], whole: bool = True) -> str:
    """A table for each group of columns; with intervals, or the values alone."""
    parts = []
    for group in dict.fromkeys(cell["group"] for cell in cells):
        mine = [cell for cell in cells if cell["group"] == group]
        columns = list(dict.fromkeys(cell["column"] for cell in mine))
        by_place = {(cell["row"], cell["column"]): cell for cell in mine}
        lines = [
            [row, *(_told(by_place.get((row, column)), whole) for column in columns)] for row in dict.fromkeys(cell["row"] for cell in mine)
        ]
        parts.append((f"### {group}\n\n" if group else "") + table(["", *columns], lines))
    return "\n".join(parts)


def _told(cell: dict | None, whole: bool) -> str:
    if cell is None:
        return ""
    if cell["ours"] is None:
        return f"– ({cell['word']})"
    if not whole:
        return f"{cell['ours']:.3f}"
    paper = "" if cell["paper"] is None else f" (paper {cell['paper']:g}, {cell['difference']:+.2f})"
    return f"{cell['ours']:.3f} [{cell['low']:.2f}, {cell['high']:.2f}]" + (f" n={cell['n']}" if cell["fewer"] else "") + paper


def reasons(cells: list[dict]) -> str:
    lines = dict.fromkeys(f"- {cell['row']}, {cell['column']}: {cell['word']}: {cell['reason']}" for cell in cells if cell["reason"])
    return "\n## Notes on cells\n\n" + "\n".join(lines) + "\n" if lines else ""


def against_radius(cells: list[dict], path: Path) -> None:
    """Each row's value against the attack's radius, with its interval, a panel for each norm; dashed: an attack through the defence."""
    norms = list(dict.fromkeys(cell["column"].rpartition(" ")[0] for cell in cells))
    figure = Figure(figsize=(2.4 + 4.6 * len(norms), 4.4), layout="constrained")
    places = figure.subplots(1, len(norms), squeeze=False, sharey=True)
    rows = [row for row in dict.fromkeys(cell["row"] for cell in cells) if not row.startswith(f"{OURS},")]  # the same defence again
    for norm, axes in zip(norms, places[0], strict=True):
        for number, row in enumerate(rows):
            points = [c for c in cells if c["row"] == row and c["column"].rpartition(" ")[0] == norm and c["ours"] is not None]
            radii, values = [float(c["column"].rpartition(" ")[2].split("/")[0]) for c in points], [c["ours"] for c in points]
            reach = [[c["ours"] - c["low"] for c in points], [c["high"] - c["ours"] for c in points]]
            line = "--" if "through" in row or "past" in row else "-"
            axes.errorbar(radii, values, reach, fmt=line, marker="o", markersize=3, capsize=2, color=colormaps["tab10"](number), label=row)
        axes.set(xlabel=f"radius of the attack (of 255){', ' + norm if norm else ''}", ylim=(-0.03, 1.03))
        axes.grid(True, alpha=0.3)
    places[0][0].set_ylabel(cells[0]["metric"])
    handles, labels = places[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8)
    path.write_bytes(png(figure, MOST))
