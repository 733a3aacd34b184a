"""Table 3 as text: from rows to cells to Markdown. Nothing is measured here."""

from collections import defaultdict
from pathlib import Path

import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure

from bench.pages import published
from bench.pages.drawing import png
from bench.pages.page import table
from bench.protocols import SIGMAS, Rendered
from bench.records.stats import median_interval, paired_ratio
from bench.studies.draws.cells import compute, timings
from runtime.diffusion import schedule as schedules
from runtime.diffusion.schedule import NoiseSchedule
from runtime.errors import FvitError

MOST = 60_000  # bytes of the plot
STYLES = {"one_shot": ("-", "o"), "chain": ("--", "s")}
COLUMNS = ("sigma", "t_star", "seconds_10_draws", "seconds_a_draw")  # of the printed table
READING = """## How to read it

- The printed seconds are comparable with the **one-shot, per-step** rows: one denoiser call, the classifier and its map for each draw, and
  no denoiser at 2/255. No printed figure is comparable with a chain: from t* = 8 to 193 it grows by 8e-5 s a step.
- The paper's machine is not stated with the figures; other hardware, other seconds. Compare shapes, not sizes.
- `per-step` gives the printed t* but far more noise than its sigma; `cumulative` is the formula as printed. The real noise is what was added.
- A draw is one noisy copy of one picture: noise, denoiser, classifier and, where the backbone has one, its rollout map in eager PyTorch.
  Loading, exporting, parity and the choice of the execution batch are outside; resizes and votes are inside.
- `c` marks a cell computed as calls x measured seconds of a call + the rest of a measured one-shot draw; the check of that rule is above.
- Every time passed parity first. Ratios compare rounds of one process only. Intervals: 95 % of the median by order statistics; the whole
  range below six rounds.
"""


def render(rows: list[dict], printed: pd.DataFrame, steps: list[dict]) -> Rendered:
    """Markdown and long-form cells of one campaign."""
    head = next(row for row in rows if row["kind"] == "campaign")
    cells = timings(rows)
    title = heading(head, cells)
    by_step = "## t* and real noise (of 255)\n\n" + _markdown(step_table(steps, printed))
    parts = [
        title,
        by_step,
        "## Seconds a draw\n\n" + _markdown(seconds_table(cells, printed, "seconds_a_draw", 1)),
        "## Seconds for 10 draws\n\n" + _markdown(seconds_table(cells, printed, "seconds_10_draws", 10)) + ten_note(head),
        "## What a draw is made of (median milliseconds a draw)\n\n" + _markdown(stage_table(cells)),
        "## Sessions\n\n" + _markdown(session_table(rows, cells)),
        ratios(rows),
        cold_start(rows),
        rule_check(cells),
        reasons(head, cells),
        READING,
    ]
    medians = "## Seconds a draw (medians)\n\n" + _markdown(seconds_table(cells, printed, "seconds_a_draw", 1, intervals=False))
    return Rendered("\n".join(filter(None, parts)), "\n".join((title, by_step, medians, ratios(rows))), cells)


def table3(rows: list[dict]) -> Rendered:
    """The table from rows alone."""
    return render(rows, published.read(3, COLUMNS), steps(schedules.linear()))


def steps(schedule: NoiseSchedule) -> list[dict]:
    """t* and real noise (of 255) for each rule and sigma, from the rules themselves."""
    out = []
    for sigma in SIGMAS:
        for rule in schedules.RULES:
            level = schedules.level(schedule, sigma / 255, rule)
            out.append({"rule": rule, "sigma": sigma, "t": level.t, "real": level.sigma * 255, "denoises": level.denoises})
        try:
            level = schedules.released_level(schedule, sigma / 255)
        except FvitError as error:
            out.append({"rule": "released", "sigma": sigma, "t": None, "why": str(error)})
            continue
        out.append({"rule": "released", "sigma": sigma, "t": level.t, "real": level.sigma * 255, "believed": level.believed * 255})
    return out


def heading(head: dict, cells: list[dict]) -> str:
    env, settings, weights = head["environment"], head["settings"], head["weights"]
    gpu = f", {env['gpu']['name']}" if env["gpu"] else ""
    versions = ", ".join(f"{name} {version}" for name, version in env["versions"].items())
    batches = ", ".join(sorted({f"{c['session']} {c['graph']} {c['batch']}" for c in cells if c.get("batch")}))
    random = "random" in weights["backbone"] or "random" in weights["denoiser"]
    note = "**Random weights: times mean something here, votes and maps do not.**\n\n" if random else ""
    return f"""# Table 3, world `{settings["world"]["name"]}`: t* and seconds

{note}- machine: {env["cpu"]}, {env["cores"]} cores, {env["threads"]} threads, {env["memory_gib"]} GiB{gpu}; load at start {env["load_at_start"]}
- commit {env["commit"]}, Python {env["python"]}, {versions}
- backbone weights: {weights["backbone"]}; denoiser weights: {weights["denoiser"]}; pictures: {weights["pictures"]}
- measured: {settings["draws"]} draws of {settings["world"]["images"]} picture(s) a round, seed {settings["seed"]}
- rounds, all cells interleaved: one-shot {settings["rounds"]}, chain {settings["chain_rounds"]}
- execution batch, by a short calibration: {batches}
"""


def step_table(steps: list[dict], printed: pd.DataFrame) -> pd.DataFrame:
    rows: dict[str, list[str]] = {"printed in the paper": [str(printed.loc[sigma, "t_star"]) for sigma in SIGMAS]}
    for rule in dict.fromkeys(step["rule"] for step in steps):
        found = {step["sigma"]: step for step in steps if step["rule"] == rule}
        rows[f"`{rule}`"] = [_step(found[sigma]) for sigma in SIGMAS]
    return _by_sigma(rows, "rule: t* (noise added)")


def _step(step: dict) -> str:
    if step["t"] is None:
        return "beyond its 250 steps"
    if step.get("denoises") is False:
        return f"{step['t']} ({step['real']:.1f}, no denoiser)"
    told = f", taken for {step['believed']:.0f}" if "believed" in step else ""
    return f"{step['t']} ({step['real']:.1f}{told})"


def seconds_table(cells: list[dict], printed: pd.DataFrame, column: str, draws: int, intervals: bool = True) -> pd.DataFrame:
    rows: dict[str, list[str]] = {"printed in the paper": [f"{printed.loc[sigma, column]:g}" for sigma in SIGMAS]}
    for name in dict.fromkeys(_name(cell) for cell in cells):
        found = {cell["sigma"]: cell for cell in cells if _name(cell) == name}
        rows[name] = [_seconds(found[sigma], draws, intervals) if sigma in found else "not asked for" for sigma in SIGMAS]
    return _by_sigma(rows, "seconds")


def _seconds(cell: dict, draws: int, interval: bool) -> str:
    if cell["seconds"] is None:
        return f"– ({cell['word']})"
    value = cell["seconds"] * draws
    if cell["word"] == "computed":
        return f"{_number(value)} c"
    scaled = " c" if draws == 10 and cell["draws"] != 10 else ""
    span = f" [{_number(cell['low'] * draws)}, {_number(cell['high'] * draws)}]" if interval else ""
    return f"{_number(value)}{span}{scaled}"


def ten_note(head: dict) -> str:
    draws = head["settings"]["draws"]
    return "" if draws == 10 else f"\n`c`: ten times the seconds a draw, measured over {draws} draw(s) a round.\n"


def stage_table(cells: list[dict]) -> pd.DataFrame:
    names = ("noise", "denoise", "classify", "denoise+classify", "explain")
    rows = []
    for name in dict.fromkeys(_name(cell) for cell in cells):
        measured = [cell for cell in cells if _name(cell) == name and cell["word"] == "measured" and cell["calls"]]
        if measured:
            cell = measured[-1]
            parts = [f"{cell['stages'][n] * 1e3:.2f}" if n in cell["stages"] else "–" for n in names]
            rest = cell["seconds"] - sum(cell["stages"].values())
            rows.append([name, f"{cell['sigma']:g}/255", str(cell["calls"]), *parts, f"{rest * 1e3:.2f}"])
    return pd.DataFrame(rows, columns=["", "sigma", "calls", *names, "around them"])


def session_table(rows: list[dict], cells: list[dict]) -> pd.DataFrame:
    out, ceilings = [], next(row for row in rows if row["kind"] == "campaign").get("ceilings", {})
    for row in (r for r in rows if r["kind"] == "network"):
        name = f"{row['session']} {row['precision']}"
        if "error" in row:
            out.append([name, row["network_kind"], row["error"], "", "", ""])
            continue
        parity = row["parity"]
        checked = "reference" if parity is None else f"{parity['relative']:.1e} of its deviation, cosine {parity['cosine']:.7f}"
        nodes = ", ".join(f"{count} nodes on {name}" for name, count in row["facts"].get("nodes", {}).items())
        where = f"{nodes or row['facts']['provider']}, computes in {row['facts']['compute_precision']}"
        out.append(
            [name, row["network"], where, checked, _achieved(row, cells, ceilings), f"{row['bytes'] / 1e6:.1f}" if row["bytes"] else "–"]
        )
    return pd.DataFrame(out, columns=["session", "network", "where", "largest difference", "GFLOP/s (of the ceiling)", "MB on disk"])


def _achieved(row: dict, cells: list[dict], ceilings: dict) -> str:
    stage = {"denoiser": "denoise", "backbone": "classify", "classify_draws": "denoise+classify"}[row["network_kind"]]
    same = [
        cell["stages"][stage] / (cell["calls"] if stage == "denoise" else 1)
        for cell in cells
        if cell["session"] == row["session"] and cell["precision"] == row["precision"] and cell["calls"] and stage in cell["stages"]
    ]
    if not same:
        return "–"
    speed = row["flops"] / median_interval(same)[0]
    return f"{speed / 1e9:.0f}" + (f" ({speed / ceilings[row['precision']]:.0%})" if ceilings else "")


def ratios(rows: list[dict]) -> str:
    """Each session against eager fp32 over the rounds of one process, one-shot draws with a denoiser call."""
    times: dict[str, dict] = defaultdict(dict)
    for row in (r for r in rows if r["kind"] == "time" and r["run"]["denoise"] == "one_shot" and r["calls"]):
        run = row["run"]
        times[f"{run['session']} {run['precision']}, {run['graph']}"][row["process"], row["round"], run["rule"], run["sigma"]] = row[
            "seconds"
        ]
    base = times.get("eager fp32, staged", {})
    lines = []
    for name, found in times.items():
        ratio = paired_ratio(found, base)
        if name != "eager fp32, staged" and ratio:
            shared = len(found.keys() & base.keys())
            lines.append(
                f"- {name}: **{ratio[0]:.2f}** [{ratio[1]:.2f}, {ratio[2]:.2f}] of eager fp32's time a one-shot draw ({shared} pairs)"
            )
    return "## Against eager fp32, pairs of one process\n\n" + "\n".join(lines) + "\n" if lines else ""


def cold_start(rows: list[dict]) -> str:
    out = []
    for row in (r for r in rows if r["kind"] == "cold"):
        name = f"{row['session']} {row['precision']}"
        if "error" in row:
            out.append([name, row["error"], "", "", "", ""])
            continue
        spans = [f"{row[k]:.2f}" for k in ("import_seconds", "load_seconds", "first_call_seconds", "second_call_seconds")]
        out.append([name, *spans, f"{row['peak_bytes'] / 2**20:.0f}"])
    frame = pd.DataFrame(out, columns=["session", "import s", "load s", "first call s", "second call s", "peak MiB"])
    return "## Cold start of the denoiser, a process of its own (batch 1)\n\n" + _markdown(frame) if out else ""


def rule_check(cells: list[dict]) -> str:
    """How far calls x seconds of a call lies from the longest chain that was measured, per session."""
    lines = []
    for name in dict.fromkeys((c["session"], c["precision"]) for c in cells):
        chains = [
            c
            for c in cells
            if (c["session"], c["precision"]) == name and c["denoise"] == "chain" and c["word"] == "measured" and c["calls"]
        ]
        if chains:
            longest = max(chains, key=lambda c: c["calls"])
            guess = dict(longest) | {"reason": ""}
            compute(guess, cells)
            if guess["word"] == "measured":
                lines.append(
                    f"- {' '.join(name)}: chain from t* = {longest['t']} ({longest['calls']} calls): measured {_number(longest['seconds'])} s, "
                    f"computed {_number(guess['seconds'])} s, {100 * (guess['seconds'] / longest['seconds'] - 1):+.1f} %"
                )
    return "## Check of the rule behind computed cells\n\n" + "\n".join(lines) + "\n" if lines else ""


def reasons(head: dict, cells: list[dict]) -> str:
    lines = [f"- {_name(cell)}, {cell['sigma']:g}/255: {cell['word']}: {cell['reason']}" for cell in cells if cell["word"] != "measured"]
    lines += [f"- session {session}: {why}" for session, why in head["unavailable"].items()]
    return "## Cells without a measurement, and sessions that cannot run here\n\n" + "\n".join(lines) + "\n" if lines else ""


def seconds_against_sigma(cells: list[dict], path: Path) -> None:
    """Seconds a draw (logarithmic) against the nominal sigma: solid one-shot, dashed chains, hollow computed, black the printed ones."""
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    axes = figure.subplots()
    colours = dict(
        zip(
            dict.fromkeys((c["session"], c["precision"], c["graph"]) for c in cells),
            (colormaps["tab10"](i) for i in range(10)),
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
    paper = published.read(3, COLUMNS)
    axes.plot(paper.index, paper["seconds_a_draw"], "k:", marker="x", label="printed in the paper (its machine)")
    axes.set(
        yscale="log", xlabel="nominal sigma (of 255)", ylabel="seconds a draw", xticks=list(paper.index), title="Table 3: cost of a draw"
    )
    axes.grid(True, which="major", alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=7)
    path.write_bytes(png(figure, MOST))


def _name(cell: dict) -> str:
    denoise = {"one_shot": "one-shot", "chain": "chain"}[cell["denoise"]]
    graph = ", fused graph" if cell["graph"] == "fused" else ""
    return f"{denoise}, {cell['rule']}: {cell['session']} {cell['precision']}{graph}"


def _by_sigma(rows: dict[str, list[str]], corner: str) -> pd.DataFrame:
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=[f"{sigma}/255" for sigma in SIGMAS])
    return frame.rename_axis(corner).reset_index()


def _markdown(frame: pd.DataFrame) -> str:
    return table([str(name) for name in frame.columns], frame.itertuples(index=False))


def _number(value) -> str:
    """Three significant digits without an exponent."""
    return f"{value:.3g}" if 0.001 <= abs(value) < 1000 else f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4f}"
