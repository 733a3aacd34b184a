"""A table of trials as text and plot, from one campaign's rows."""

from collections.abc import Sequence

from matplotlib import colormaps
from matplotlib.figure import Figure

from bench.pages import page as pages
from bench.pages.compare import Number
from bench.pages.drawing import png
from bench.pages.page import Page, missing, share, table
from bench.records.campaign import head_of, machines_of
from bench.records.rows import Answered, AnyRow
from bench.trials.grid import Grid, Value, higher_is_better
from bench.trials.paired import LEVEL, pairs
from bench.trials.settings import Settings
from bench.worlds.attack import find
from runtime import plugins

MOST = 60_000  # bytes of a plot
REHEARSED = "A rehearsal on one picture: its numbers say that a cell can be measured, and nothing else."


def render(grid: Grid, rows: Sequence[AnyRow], drawn: bool = True) -> Page:
    """Markdown, a summary that fits a terminal, long-form cells and, if it is to be `drawn`, the plot."""
    head, settings, values = head_of(rows), Settings.read(head_of(rows).settings), grid.values(rows)
    said = REHEARSED if settings.rehearsal else grid.says(values)
    parts = [
        pages.heading(grid.heading, head, machines_of(rows), grid.about.replace("\n", " "), *_settings(grid, settings, values, head.facts)),
        f"**{said}**\n" if said else "",
        _left_out(rows, grid, settings),
        *grid.sections(values),
        _grid(values),
        "" if settings.rehearsal else _paired(values),
        _notes(values),
    ]
    plots = {f"{stem(grid)}.png": grid.plot(values)} if grid.plot and drawn else {}
    summary = f"# {grid.heading}\n\n{grid.about}\n\n" + _grid(values, short=True)
    return Page(
        "\n".join(filter(None, parts)),
        [value.facts() for value in values],
        plots,
        summary,
        numbers=_numbers(values),
        says=(said,) if said else (),
    )


def _numbers(values: Sequence[Value]) -> dict[str, Number]:
    cells = {", ".join(filter(None, (value.cell.group, value.cell.row, value.cell.column))): value for value in values}
    return {place: Number(value.number, higher_is_better(value.cell.metric)) for place, value in cells.items() if value.number}


def _settings(grid: Grid, settings: Settings, values: Sequence[Value], facts: dict) -> list[str]:
    made = settings.made
    noises = sorted({255 * value.tally.sigma for value in values if value.tally and value.tally.sigma})
    stage = find("autoattack")[1].steps or 0
    shards = [f"measured in {facts['shards']} shards"] if "shards" in facts else []
    own = [value.cell.trial for value in values if value.cell.trial]
    rules = {trial.task: trial.threat.step_rule for trial in own if trial.threat}
    steps = [made.step_rule, *(f"{rule} on {task}" for task, rule in rules.items() if rule != made.step_rule)]
    trials = {(trial.backbone, trial.task) for trial in own}
    return [
        f"preset `{made.name}`: {made.says}",
        f"nominal sigma {255 * made.sigma:g}/255 under rule `{made.rule}`, denoiser `{made.denoise}`, maps fused by "
        f"`{made.fuse}`, {made.draws} draws; noise is added in pixels on the denoiser's {facts['grid']} x {facts['grid']} grid; "
        f"real noise of these cells (of 255): {', '.join(f'{noise:.1f}' for noise in noises) or 'none'}",
        *(["every cell: {} on `{}`".format(*trials.pop())] if len(trials) == 1 else []),
        f"attack: steps of {', '.join(steps)} as printed, random start, untargeted, on the undefended network unless a row says otherwise; "
        f"attacked pictures are answered once, with noise that the attacker did not see; randomised accuracy: majority of the draws; "
        f"AutoAttack has {stage} steps per stage and {50 * stage} queries (the official set: 100 and 5,000)",
        f"maps explain the label that the (defended) classifier gave; up to {settings.n} test pictures per cell, seed {settings.seed}",
        f"world `{settings.world}`: {settings.scene.about}",
        "session ort fp32, execution batch 10",
        *shards,
        *_printed(grid, settings, values),
    ]


def _printed(grid: Grid, settings: Settings, values: Sequence[Value]) -> list[str]:
    """What stands for which of the paper's data, or why no printed cell stands beside ours."""
    if grid.unread:
        return [f"paper: {grid.unread}"]
    notes = dict.fromkeys(value.printed.note for value in values if value.printed and value.printed.note)
    if all(value.printed is None for value in values):
        return []
    stand = ", ".join(f"{task} for {data_set}" for task, data_set in settings.scene.printed.items())
    return [f"in parentheses: the paper's cell, and ours less the paper's; {stand}", *(f"paper: {note}" for note in notes)]


def _left_out(rows: Sequence[AnyRow], grid: Grid, settings: Settings) -> str:
    """The pictures that could not be used, each once."""
    keys = {trial.key for trial in grid.trials(settings)}
    own = [row for row in rows if isinstance(row, Answered) and row.key.partition("/")[0] in keys]
    pairs = dict.fromkeys((row.trial["task"], *pair) for row in own for pair in row.left_out)
    return "".join(f"- left out of {task}: {name}: {reason}\n" for task, name, reason in pairs)


def _grid(values: Sequence[Value], short: bool = False) -> str:
    """A table for each group of columns; with intervals, or the values alone."""
    parts = []
    for group in dict.fromkeys(value.cell.group for value in values):
        own = [value for value in values if value.cell.group == group]
        columns = list(dict.fromkeys(value.cell.column for value in own))
        places = {(value.cell.row, value.cell.column): value for value in own}
        rows = dict.fromkeys(value.cell.row for value in own)
        lines = [[row, *(_told(places.get((row, column)), short) for column in columns)] for row in rows]
        parts.append((f"### {group}\n\n" if group else "") + table(["", *columns], lines))
    return "\n".join(parts)


def _told(value: Value | None, short: bool) -> str:
    if value is None:
        return ""
    if (number := value.number) is None:
        return missing(value.value)  # type: ignore[arg-type]
    if short:
        return (f"{number.value:.1f}" if number.value >= 10 else f"{number.value:.3f}") + (
            "" if value.paper is None else f" ({value.paper:.4g})"
        )
    paper = "" if value.paper is None else f" (paper {value.paper:.4g}, {number.value - value.paper:+.2f})"
    return share(number) + (f" n={value.n}" if value.fewer else "") + paper


def _paired(values: Sequence[Value]) -> str:
    """Ours against the others, and how many differences survive the correction."""
    found = pairs(values)
    if not found:
        return ""
    lines = [
        [
            one.ours.cell.place[1], one.ours.cell.metric, one.ours.cell.row, one.other.cell.row,
            "{:+.3f} [{:+.3f}, {:+.3f}]".format(*one.difference), one.n, f"{one.p:.2g}", f"{one.adjusted:.2g}",
        ]
        for one in found
    ]  # fmt: skip
    names = ["column", "metric", "method", "against", "difference [95 %]", "n", "p", "adjusted p"]
    survive = sum(one.adjusted < LEVEL for one in found)
    about = (
        f"Of {len(found)} tests {survive} stay below {LEVEL:g} after Holm's correction for all of them. Accuracy: McNemar's exact test; "
        "metrics of maps: Wilcoxon's signed-rank test over the pictures' own values."
    )
    return f"\n## Paired differences, same pictures\n\n{about}\n\n" + table(names, lines)


def _notes(values: Sequence[Value]) -> str:
    lines: dict[str, None] = {}
    for value in values:
        place = f"- {value.cell.row}, {value.cell.column}"
        if value.number is None:
            lines[f"{place}: {value.value.why}: {value.value.reason}"] = None  # type: ignore[union-attr]
        for note in [value.cell.note, *(value.tally.warnings() if value.tally else [])]:
            if note and value.number:
                lines[f"{place}: {note}"] = None
    return "\n## Notes on cells\n\n" + "\n".join(lines) + "\n" if lines else ""


def against_radius(values: Sequence[Value]) -> bytes:
    """Each row's value against the attack's radius, with its interval, a panel for each norm; dashed: an attack through the defence."""
    points = [value for value in values if value.cell.radius is not None and value.cell.method != "again"]
    norms = list(dict.fromkeys(value.cell.norm for value in points))
    figure = Figure(figsize=(2.4 + 4.6 * len(norms), 4.4), layout="constrained")
    places = figure.subplots(1, len(norms), squeeze=False, sharey=True)
    rows = list(dict.fromkeys(value.cell.row for value in points))
    for norm, axes in zip(norms, places[0], strict=True):
        for number, row in enumerate(rows):
            own = [value for value in points if (value.cell.row, value.cell.norm) == (row, norm) and value.number is not None]
            radii, numbers = [255 * value.cell.radius for value in own], [value.number for value in own]  # type: ignore[operator]
            reach = [[one.value - one.low for one in numbers], [one.high - one.value for one in numbers]]  # type: ignore[union-attr]
            line = "--" if any(value.cell.adaptive for value in points if value.cell.row == row) else "-"
            colour = colormaps["tab10"](number % 10)
            middles = [one.value for one in numbers]  # type: ignore[union-attr]
            axes.errorbar(radii, middles, reach, fmt=line, marker="o", markersize=3, capsize=2, color=colour, label=row)
        axes.set(xlabel=f"radius of the attack (of 255){', ' + norm if len(norms) > 1 else ''}", ylim=(-0.03, 1.03))
        axes.grid(True, alpha=0.3)
    places[0][0].set_ylabel(points[0].cell.metric)
    handles, labels = places[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8)
    return png(figure, MOST)


def stem(grid: Grid) -> str:
    """Its files' name."""
    return f"table{grid.name}" if grid.name.isdigit() else grid.name


def tables() -> dict[str, Grid]:
    """The tables of trials by name, the numbered ones first and in order."""
    found = {name: plugins.load("bench.tables", name).TABLE for name in plugins.names("bench.tables")}
    grids = {grid.name: grid for grid in found.values() if isinstance(grid, Grid)}
    return dict(sorted(grids.items(), key=lambda pair: (not pair[0].isdigit(), int(pair[0]) if pair[0].isdigit() else 0, pair[0])))
