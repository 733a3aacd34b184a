"""`fvit certify` as text, plot and TSV files, from rows alone."""

import datetime
import math
from pathlib import Path

from matplotlib.figure import Figure

from bench.certifying import CAP, FACTORS, VOTES
from bench.markdown import table
from bench.stats import wilson
from runtime import certify
from runtime.certify import rounded_down
from runtime.errors import FvitError

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
    parts = [
        f"# Certificates: {settings['backbone']}, `{settings['task']}`, {len(found)} test pictures\n",
        _claim(settings, rows),
        "## Certified accuracy\n\nShare of all pictures with the right label and a radius of at least r (95 % Wilson interval).\n",
        _accuracy(found, settings["real_sigma"] / 255),
        f"Abstained: label {_share(found, 'predict', lambda v: v == certify.ABSTAIN)}, top k {_share(found, 'topk_radius', lambda v: v <= 0)}. "
        f"Draws a picture: {sum(row['draws'] for row in found) / len(found):.0f} and {settings['selection']} to choose the label, "
        f"{sum(row['seconds'] for row in found) / len(found):.1f} s. "
        f"Draws without any relevance, taken as uniform: {sum(row['empty'] for row in found)}.\n",
        "## Beside Algorithm 2 as printed\n",
        _printed(found),
        "## Beyond the radius\n",
        _beyond(rows),
        f"Commit {environment['commit']}, {environment['cpu']}, {environment['cores']} cores, torch {environment['versions']['torch']}, "
        f"session {settings['session']}, seed {settings['seed']}; weights {_weights(rows)}.\n",
    ]
    return "\n".join(parts)


def write(rows: list[dict], folder: Path) -> None:
    """certify.md, certify.tsv in Cohen's columns, certify_ours.tsv with the rest, certified_accuracy.png."""
    found, sigma = _certificates(rows), _settings(rows)["real_sigma"] / 255
    (folder / "certify.md").write_text(render(rows))
    (folder / "certify.tsv").write_text(_tsv(COHEN, [_cohen(row) for row in found]))
    (folder / "certify_ours.tsv").write_text(_tsv(OURS, [_ours(row, _settings(rows)) for row in found]))
    plot(found, sigma, folder / "certified_accuracy.png")


def plot(found: list[dict], sigma: float, path: Path) -> None:
    """Certified accuracy against the l2 radius: of the label, of the top k, of both; Algorithm 2's min{P, Q} dotted."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    printed = [min(row["paper_p"], row["paper_q"]) for row in found]
    curves = {
        "label (Cohen's radius)": ([row["radius"] for row in found], "-"),
        "top k of the map": ([row["topk_radius"] for row in found], "-"),
        "both": ([min(row["radius"], row["topk_radius"]) for row in found], "-"),
        "min{P, Q} as printed, no confidence": (printed, ":"),
    }
    most = max(4 * sigma, *(radius for radii, _ in curves.values() for radius in radii if math.isfinite(radius)))
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


def _claim(settings: dict, rows: list[dict]) -> str:
    leave = certify.Claim(1.0, settings["alpha"], settings["k"], settings["beta"]).leaving
    mode = (
        f"Draws were added until the answer to 'radius at least {settings['radius']:g} sigma?' was certain, at most {settings['draws']}."
        if settings["radius"] is not None
        else f"{settings['draws']} draws a picture."
    )
    cells = settings["k"]
    return (
        f"With probability at least 1 - {settings['alpha']:g} over the draws, for each picture by itself: within its radius (l2, pixels in [0, 1], "
        f"on the denoiser's 64 x 64 grid, where the noise is added) the smoothed label stays, and of the {cells} cells named at least "
        f"{cells - leave + 1} stay among the top {cells} of the mean {settings['explainer']} map (beta {settings['beta']:g}). "
        f"Real noise {settings['real_sigma']:.1f}/255. Each draw's cells are capped at {CAP:g} times the even share. {mode} "
        f"An l_inf radius is the l2 one divided by sqrt(d), d = {_dimension()} (Theorem 5.3; Algorithm 2 divides by d).\n"
    )


def _accuracy(found: list[dict], sigma: float) -> str:
    lines = []
    for step in STEPS:
        r = step * sigma
        kinds = [[row["radius"] for row in found], [row["topk_radius"] for row in found]]
        kinds.append([min(pair) for pair in zip(*kinds, strict=True)])
        lines.append(
            [
                f"{step:g} sigma",
                f"{r:.3f}",
                f"{255 * r / math.sqrt(_dimension()):.2f}/255",
                *(_certified(found, radii, r) for radii in kinds),
            ]
        )
    return table(["radius", "l2", "l_inf", "label", "top k", "both"], lines)


def _certified(found: list[dict], radii: list[float], r: float) -> str:
    hits = sum(_right(row) and radius >= r and radius > 0 for row, radius in zip(found, radii, strict=True))
    share, low, high = wilson(hits, len(found))
    return f"{share:.0%} [{low:.0%}, {high:.0%}]"


def _printed(found: list[dict]) -> str:
    infinite = sum(math.isinf(row["paper_p"]) for row in found)
    larger = sum(row["paper_p"] > row["renyi"] for row in found)
    above = sum(row["paper_q"] > row["topk_radius"] for row in found)
    middle = lambda name: sorted(row[name] for row in found)[len(found) // 2]  # noqa: E731
    lines = [
        [
            "label",
            f"{_number(middle('paper_p'))}",
            f"{_number(middle('renyi'))} (Cohen {_number(middle('radius'))})",
            f"{larger} of {len(found)}",
        ],
        ["top k", f"{_number(middle('paper_q'))}", f"{_number(middle('topk_radius'))}", f"{above} of {len(found)}"],
    ]
    note = f"P is infinite for {infinite} pictures, whose draws all voted alike; it has no confidence, and Q is too large where k0 >= 2.\n"
    return table(["median l2 radius", "printed (P, Q)", "sound", "printed is larger"], lines) + "\n" + note


def _beyond(rows: list[dict]) -> str:
    tried = [row for row in rows if row["kind"] == "beyond"]
    if not tried:
        return "No picture had the right label and a radius to go beyond.\n"
    lines = []
    for factor in FACTORS:
        mine = [row for row in tried if row["factor"] == factor]
        hits = sum(row["broken"] for row in mine)
        share, low, high = wilson(hits, len(mine))
        printed = {1.5: "23 %", 2.0: "64 %"}[factor]
        lines.append([f"{factor:g} R", f"{hits} of {len(mine)}", f"{share:.0%} [{low:.0%}, {high:.0%}]", printed])
    told = f"PGD through the smoothed classifier in an l2 ball around certified pictures; broken: another label in a vote of {VOTES} draws.\n\n"
    return told + table(["ball", "broken", "share", "the paper"], lines)


def _cohen(row: dict) -> tuple:
    time = str(datetime.timedelta(seconds=row["seconds"]))
    return row["idx"], row["label"], row["predict"], _number(row["radius"]), int(_right(row)), time


def _ours(row: dict, settings: dict) -> tuple:
    both, d = min(row["radius"], row["topk_radius"]), _dimension()
    pixels = certify.cells(row["hits"], row["draws"], settings["alpha"]).tolist() if settings["radius"] is None else []
    return (
        row["idx"], f"{rounded_down(row['share'], 6):.6f}", _number(row["renyi"]), _number(row["topk_radius"]), _number(row["paper_p"]),
        _number(row["paper_q"]), f"{rounded_down(both / math.sqrt(d), 6):.6f}", f"{rounded_down(both / d, 8):.8f}", row["draws"], row["empty"],
        pixels.count(1), pixels.count(0), " ".join(map(str, row["cells"])),
    )  # fmt: skip


def _tsv(names: tuple[str, ...], lines: list[tuple]) -> str:
    return "\n".join("\t".join(map(str, line)) for line in [names, *lines]) + "\n"


def _right(row: dict) -> bool:
    return row["predict"] == row["label"]


def _share(found: list[dict], name: str, holds) -> str:
    return f"{sum(holds(row[name]) for row in found) / len(found):.0%}"


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
