"""`fvit certify` as text, plot and TSV files, from rows alone."""

import datetime
import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm

from bench.pages.page import table
from bench.records.stats import wilson
from bench.studies.certify import cells
from bench.studies.certify.measure import CAP, FACTORS, VOTES
from runtime.certificates import certify
from runtime.certificates.certify import rounded_down
from runtime.errors import FvitError

TAU = 0.75  # of all draws must have a cell in, or out
SHOWN = 8  # pictures whose cells are drawn
STEPS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # radii of the table, in sigmas
COHEN = ("idx", "label", "predict", "radius", "correct", "time")
OURS = (
    "idx",
    "share",
    "renyi",
    "topk_radius",
    "printed_p",
    "printed_q",
    "linf",
    "linf_printed",
    "draws",
    "empty",
    "pixels_in",
    "pixels_out",
    "cells",
)


def render(rows: list[dict]) -> str:
    """The page: what is claimed, certified accuracy, what abstained, printed radii beside sound ones, attacks beyond the radius."""
    settings, found = _settings(rows), _certificates(rows)
    environment = next(row for row in rows if row["kind"] == "campaign")["environment"]
    adaptive = settings["radius"] is not None
    parts = [
        f"# Certificates: {settings['backbone']}, `{settings['task']}`, {len(found)} test pictures\n",
        _claim(settings),
        "## Certified accuracy\n\nShare of all pictures with the right label and a radius of at least r (95 % Wilson interval).\n",
        _accuracy(found, settings["real_sigma"] / 255, adaptive),
        f"{_abstained(found, adaptive)} Draws a picture: {sum(row['draws'] for row in found) / len(found):.0f} and {settings['selection']} to "
        f"choose the label, {sum(row['seconds'] for row in found) / len(found):.1f} s. "
        f"Draws without any relevance, taken as uniform: {sum(row['empty'] for row in found)}.\n",
        *([] if adaptive else ["## Beside Algorithm 2 as printed\n", _printed(found), "## Cells\n", _cells(found, settings)]),
        "## Beyond the radius\n",
        _beyond(rows),
        f"Commit {environment['commit']}, {environment['cpu']}, {environment['cores']} cores, torch {environment['versions']['torch']}, "
        f"session {settings['session']}, seed {settings['seed']}; weights {_weights(rows)}.\n",
    ]
    return "\n".join(parts)


def write(rows: list[dict], folder: Path) -> None:
    """certify.md, certify.tsv in Cohen's columns, certify_ours.tsv with the rest, certified_accuracy.png, cells.png; a name each if adaptive."""
    found, settings = _certificates(rows), _settings(rows)
    ending = "" if settings["radius"] is None else "_adaptive"
    (folder / f"certify{ending}.md").write_text(render(rows))
    (folder / f"certify{ending}.tsv").write_text(_tsv(COHEN, [_cohen(row) for row in found]))
    (folder / f"certify{ending}_ours.tsv").write_text(_tsv(OURS, [_ours(row, settings) for row in found]))
    plot(found, settings["real_sigma"] / 255, folder / f"certified_accuracy{ending}.png")
    if not ending:  # draws that stopped by themselves answer one question, and this would be another
        shown = [(row["idx"], np.array(row["mean"]), _kinds(row, settings)) for row in found[:SHOWN]]
        cells.draw(shown, settings["task"], folder / "certify_cells.png")


def plot(found: list[dict], sigma: float, path: Path) -> None:
    """Certified accuracy against the l2 radius: of the label, of the top k, of both; Algorithm 2's min{P, Q} dotted."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    printed = [min(row["paper_p"], row["paper_q"]) for row in found]
    curves = {
        "label (Cohen's radius)": ([row["radius"] for row in found], "-"),
        "top k of the map": ([row["topk_radius"] for row in found], "-"),
        "both": ([min(row["radius"], row["topk_radius"]) for row in found], "--"),
        "min{P, Q} as printed, no confidence": (printed, ":"),
    }
    most = max(2.5 * sigma, *(radius for radii, _ in curves.values() for radius in radii if math.isfinite(radius)))
    grid = [most * i / 400 for i in range(401)]
    for name, (radii, line) in curves.items():
        right = [radius if _right(row) else -1.0 for row, radius in zip(found, radii, strict=True)]
        axes.plot(grid, [100 * sum(radius >= r and radius > 0 for radius in right) / len(found) for r in grid], line, label=name)
    axes.set(
        xlabel="l2 radius, pixels in [0, 1]", ylabel="certified accuracy (%)", ylim=(0, 102), title=f"n = {len(found)}, sigma {sigma:.3f}"
    )
    axes.grid(True, alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def _claim(settings: dict) -> str:
    leave, cells = certify.Claim(1.0, settings["alpha"], settings["k"], settings["beta"]).leaving, settings["k"]
    mode = (
        f"Draws were added until the answer to 'radius at least {settings['radius']:g} sigma?' was certain, at most {settings['draws']}; "
        "a yes is recorded as that radius, all else abstains."
        if settings["radius"] is not None
        else f"{settings['draws']} draws a picture."
    )
    return (
        f"With probability at least 1 - {settings['alpha']:g} over the draws, for each picture by itself: nearer than its radius (l2, pixels in "
        f"[0, 1], on the denoiser's 64 x 64 grid, where the noise is added) the smoothed label stays, and of the {cells} cells named at least "
        f"{cells - leave + 1} stay among the top {cells} of the mean {settings['explainer']} map (beta {settings['beta']:g}) of the class chosen on "
        f"{settings['selection']} draws of their own. Real noise {settings['real_sigma']:.1f}/255. Each draw's cells are capped at {CAP:g} times the "
        f"even share. {mode} An l_inf radius is the l2 one divided by sqrt(d), d = {_dimension()} (Theorem 5.3; Algorithm 2 divides by d).\n"
    )


def _accuracy(found: list[dict], sigma: float, adaptive: bool) -> str:
    kinds = {"label": [row["radius"] for row in found], "top k": [row["topk_radius"] for row in found]}
    kinds["both"] = [min(pair) for pair in zip(*kinds.values(), strict=True)]
    shown = ["both"] if adaptive else list(kinds)
    lines = []
    for step in STEPS:
        r = step * sigma
        linf = math.floor(25500 * r / math.sqrt(_dimension())) / 100
        lines.append([f"{step:g} sigma", _number(r), f"{linf:.2f}/255", *(_certified(found, kinds[name], r) for name in shown)])
    return table(["radius", "l2", "l_inf", *shown], lines)


def _certified(found: list[dict], radii: list[float], r: float) -> str:
    hits = sum(_right(row) and radius >= r * (1 - 1e-9) and radius > 0 for row, radius in zip(found, radii, strict=True))
    share, low, high = wilson(hits, len(found))
    return f"{share:.0%} [{low:.0%}, {high:.0%}]"


def _abstained(found: list[dict], adaptive: bool) -> str:
    label, tops = (sum(row[name] <= 0 for row in found) / len(found) for name in ("radius", "topk_radius"))
    return f"Abstained: {tops:.0%}." if adaptive else f"Abstained: label {label:.0%}, top k {tops:.0%}."


def _printed(found: list[dict]) -> str:
    infinite = sum(math.isinf(row["paper_p"]) for row in found)
    larger = sum(row["paper_p"] > row["renyi"] for row in found)
    above = sum(row["paper_q"] > row["topk_radius"] for row in found)

    def middle(name: str) -> str:
        return _number(sorted(row[name] for row in found)[len(found) // 2])

    lines = [
        ["label", middle("paper_p"), f"{middle('renyi')} (Cohen's: {middle('radius')})", f"{larger} of {len(found)}"],
        ["top k", middle("paper_q"), middle("topk_radius"), f"{above} of {len(found)}"],
    ]
    note = (
        f"P and Q come from the observed shares (Q from the same capped maps), without confidence. P is infinite for {infinite} pictures, whose "
        "draws all voted alike; Q takes for its minimum what is none where k0 >= 2.\n"
    )
    return table(["median l2 radius", "printed (P, Q)", "sound", "printed is larger"], lines) + "\n" + note


def _cells(found: list[dict], settings: dict) -> str:
    """How many cells of the sparsified map are certified in or out, and how many abstain."""
    kinds = [_kinds(row, settings) for row in found]
    share = [sum(int((one == kind).sum()) for one in kinds) / sum(map(len, kinds)) for kind in (1, 0, certify.ABSTAIN)]
    radius = settings["real_sigma"] / 255 * float(norm.ppf(TAU))
    return (
        f"A claim of its own, at alpha {settings['alpha']:g} again (Holm): of the maps reduced to their top quarter, {share[0]:.0%} of all cells are "
        f"in and "
        f"{share[1]:.0%} out in more than {TAU:.0%} of all draws, which nearer than {_number(radius)} does not change; {share[2]:.0%} abstain.\n"
    )


def _kinds(row: dict, settings: dict) -> np.ndarray:
    return certify.cells(np.array(row["hits"]), row["draws"], settings["alpha"], TAU)


def _beyond(rows: list[dict]) -> str:
    tried = [row for row in rows if row["kind"] == "beyond"]
    if not tried:
        return "No picture had the right label and a radius to go beyond.\n"
    lines = []
    for factor in FACTORS:
        mine = [row for row in tried if row["factor"] == factor]
        if not mine:
            continue
        hits = sum(row["broken"] for row in mine)
        share, low, high = wilson(hits, len(mine))
        printed = {1.5: "23 %", 2.0: "64 %"}[factor]
        lines.append([f"{factor:g} R", f"{hits} of {len(mine)}", f"{share:.0%} [{low:.0%}, {high:.0%}]", printed])
    told = (
        f"PGD through the smoothed classifier in an l2 ball around certified pictures, R their label's radius; broken: another label in a vote of "
        f"{VOTES} draws. The paper's shares are of its own radius and data.\n\n"
    )
    return told + table(["ball", "broken", "share", "the paper"], lines)


def _cohen(row: dict) -> tuple:
    time = str(datetime.timedelta(seconds=row["seconds"]))
    return row["idx"], row["label"], row["predict"], _number(row["radius"]), int(_right(row)), time


def _ours(row: dict, settings: dict) -> tuple:
    both, d = min(row["radius"], row["topk_radius"]), _dimension()
    fixed = settings["radius"] is None
    pixels = _kinds(row, settings).tolist()
    return (
        row["idx"], f"{rounded_down(row['share'], 6):.6f}", _number(row["renyi"]), _number(row["topk_radius"]), _number(row["paper_p"]),
        _number(row["paper_q"]), f"{rounded_down(both / math.sqrt(d), 6):.6f}", f"{rounded_down(both / d, 8):.8f}", row["draws"], row["empty"],
        pixels.count(1) if fixed else "", pixels.count(0) if fixed else "", " ".join(map(str, row["cells"])),
    )  # fmt: skip


def _tsv(names: tuple[str, ...], lines: list[tuple]) -> str:
    return "\n".join("\t".join(map(str, line)) for line in [names, *lines]) + "\n"


def _right(row: dict) -> bool:
    return row["predict"] == row["label"]


def _number(radius: float) -> str:
    return f"{rounded_down(radius):.4f}" if math.isfinite(radius) else "inf"


def _dimension() -> int:
    return 3 * 64 * 64


def _settings(rows: list[dict]) -> dict:
    return next(row for row in rows if row["kind"] == "campaign")["settings"]


def _weights(rows: list[dict]) -> str:
    return ", ".join(f"{name} {value}" for name, value in next(row for row in rows if row["kind"] == "campaign")["weights"].items())


def _certificates(rows: list[dict]) -> list[dict]:
    found = sorted((row for row in rows if row["kind"] == "certificate"), key=lambda row: row["idx"])
    if not found:
        raise FvitError("the rows hold no certificate yet; let fvit certify end first")
    return found
