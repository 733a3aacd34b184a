"""The frontier as table, plot and sentences, from rows alone."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from bench.pages import drawing as panels
from bench.pages.page import table
from bench.records.stats import wilson
from bench.studies.frontier.measure import ALONE, ALPHA, LEVELS, MAPPED, RADIUS, SELECTION
from runtime.errors import FvitError

WITHIN = 0.01  # of the best accuracy: what counts as as good
SHOWN = (1, 10, 100, "adaptive")
MOST = 60_000  # bytes of the plot
NAMES = ("session", "denoiser", "draws", "ms a picture", "ms alone", "clean", "attacked", "certified", "map cosine", "map V_8", "front")
READING = f"""## How to read it

- Accuracy under attack: PGD 8/255 on the undefended network, the paper's transfer attack; attacks through the defence are in Table 10.
- Certified: the right label with an l2 radius of at least {RADIUS} sigma, wrong with probability {ALPHA} at most; the first {SELECTION} draws
  choose the label, the others certify it. `adaptive`: draws until it is certain which label the smoothed classifier gives, {LEVELS[-1]} at
  most; its draws are the mean over pictures, clean and attacked, its answer the majority of them.
- Maps: VTA's mean over {MAPPED} draws against eager fp32's on the same draws; explainers run in eager fp32 whatever the session.
- Milliseconds: of labels, noise and votes in. `a picture`: pictures in a row that share batches of ten, draws times the median seconds of
  a draw. `alone`: one picture and nothing beside it, which is what `fvit plan --latency` goes by; measured at {", ".join(map(str, ALONE))} draws.
- `front`: no cheaper setting is as good under attack. Intervals are Wilson's, 95 %; a point of accuracy is one picture in a hundred.
"""


def cells(rows: list[dict]) -> list[dict]:
    """One line for each setting and number of draws."""
    found = []
    for row in rows:
        if row["kind"] == "point" and "levels" in row:
            found += [_cell(row, level["draws"], level, row["seconds_a_draw"] * level["draws"]) for level in row["levels"]]
            if row["adaptive"]:
                drawn = float(np.mean(list(row["adaptive"]["drawn"].values())))
                level = {name: row["adaptive"][name] for name in ("clean", "attacked")}
                found.append(_cell(row, "adaptive", level, row["seconds_a_draw"] * drawn) | {"mean_draws": drawn})
    if not found:
        raise FvitError("no setting of the frontier has a number; see the reasons in its rows, measure again: fvit frontier --fresh")
    return [cell | {"front": on} for cell, on in zip(found, front(found), strict=True)]


def _cell(row: dict, draws: int | str, level: dict, seconds: float) -> dict:
    shares = {name: wilson(bits.count("1"), len(bits)) for name, bits in level.items() if isinstance(bits, str)}
    maps = row["maps"] or {}
    cell = {
        "session": row["session"],
        "precision": row["precision"],
        "denoise": row["denoise"],
        "draws": draws,
        "seconds": seconds,
        "alone": row.get("alone", {}).get(str(draws)),
        "n": row["n"],
    }
    for name in ("clean", "attacked", "certified"):
        cell |= dict(zip((name, f"{name}_low", f"{name}_high"), shares.get(name, (None,) * 3), strict=True))
    return cell | {name: float(np.mean(maps[name])) if maps else None for name in ("cosine", "topk")}


def front(found: list[dict]) -> list[bool]:
    """Settings that no cheaper one equals under attack."""
    return [
        cell["attacked"] is not None
        and not any(known["seconds"] < cell["seconds"] and known["attacked"] >= cell["attacked"] for known in having(found, "attacked"))
        for cell in found
    ]


def having(found: list[dict], column: str) -> list[dict]:
    """The cells with a number in `column`."""
    return [cell for cell in found if cell[column] is not None]


def cheapest(found: list[dict], column: str) -> dict:
    """The cheapest setting within WITHIN of the best `column`."""
    known = having(found, column)
    best = max(cell[column] for cell in known)
    return min((cell for cell in known if cell[column] >= best - WITHIN - 1e-9), key=lambda cell: cell["seconds"])


def named(cell: dict) -> str:
    draws = f"{cell['draws']} draw{'' if cell['draws'] == 1 else 's'}" if cell["draws"] != "adaptive" else "adaptive draws"
    return f"{cell['session']} {cell['precision']}, {cell['denoise'].replace('_', '-')}, {draws}"


def render(rows: list[dict]) -> tuple[str, list[dict]]:
    """Markdown and the cells."""
    head, found = next(row for row in rows if row["kind"] == "campaign"), cells(rows)
    env, noise = head["environment"], next(row["real_sigma"] for row in rows if "real_sigma" in row)
    versions = ", ".join(f"{name} {version}" for name, version in env["versions"].items())
    shown = [cell for cell in found if cell["draws"] in SHOWN or cell["front"]]
    reasons = [f"- {row['session']} {row['precision']}, {row['denoise']}: {row['reason']}" for row in rows if row.get("reason")]
    parts = [
        "# The frontier: what an answer costs, what it is worth\n",
        f"- machine: {env['cpu']}, {env['cores']} cores, {env['threads']} threads; load at start {env['load_at_start']}",
        f"- commit {env['commit']}, {versions}",
        f"- {found[0]['n']} test pictures of `digits`, seed 0, real noise {noise:.0f}/255; {head['weights']}\n",
        *(f"**{sentence}**\n" for sentence in sentences(found, rows)),
        table(NAMES, [_line(cell) for cell in shown]),
        *reasons,
        "\n" + READING,
    ]
    return "\n".join(parts), found


def sentences(found: list[dict], rows: list[dict]) -> list[str]:
    """What the table answers in words."""
    told = []
    for column, words in (("attacked", "under PGD 8/255"), ("certified", f"certified at {RADIUS} sigma")):
        if known := having(found, column):
            best, low = max(cell[column] for cell in known), cheapest(found, column)
            told.append(
                f"The cheapest setting within 1 point of the best {words} ({best:.3f}) is {named(low)}: {low[column]:.3f} at "
                f"{low['seconds'] * 1e3:.3g} ms a picture."
            )
    return told + certificates(rows)


def certificates(rows: list[dict]) -> list[str]:
    """How many pictures' certificates another precision changes, with the most draws."""
    bits = {
        (row["session"], row["precision"]): row["levels"][-1]["certified"]
        for row in rows
        if row["kind"] == "point" and "levels" in row and row["denoise"] == "one_shot" and row["levels"][-1]["certified"]
    }
    exact = next((value for (_, precision), value in bits.items() if precision == "fp32"), None)
    if exact is None:
        return []
    changed = {
        f"{session} {precision}": sum(a != b for a, b in zip(exact, value, strict=True))
        for (session, precision), value in bits.items()
        if precision != "fp32"
    }
    told = ", ".join(f"{name} {count}" for name, count in changed.items())
    return [f"Certificates that differ from fp32's, of {len(exact)} pictures at {LEVELS[-1]} draws: {told}."] if changed else []


def _line(cell: dict) -> tuple:
    def share(name: str) -> str:
        return f"{cell[name]:.3f} [{cell[f'{name}_low']:.2f}, {cell[f'{name}_high']:.2f}]" if cell[name] is not None else "–"

    draws = f"adaptive ({cell['mean_draws']:.1f})" if cell["draws"] == "adaptive" else str(cell["draws"])
    alone = f"{cell['alone'] * 1e3:.3g}" if cell["alone"] is not None else "–"
    likeness = (f"{cell[name]:.4f}" if cell[name] is not None else "–" for name in ("cosine", "topk"))
    return (
        f"{cell['session']} {cell['precision']}", cell["denoise"].replace("_", "-"), draws, f"{cell['seconds'] * 1e3:.3g}", alone,
        share("clean"), share("attacked"), share("certified"), *likeness, "yes" if cell["front"] else "",
    )  # fmt: skip


def plot(found: list[dict], path: Path) -> None:
    """Accuracy under attack against milliseconds a picture, a line for each setting, the front drawn thick."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    known = [cell for cell in having(found, "attacked") if cell["draws"] != "adaptive"]
    for number, key in enumerate(dict.fromkeys((cell["session"], cell["precision"], cell["denoise"]) for cell in known)):
        mine = [cell for cell in known if (cell["session"], cell["precision"], cell["denoise"]) == key]
        line, label = "-" if key[2] == "one_shot" else ":", f"{key[0]} {key[1]}, {key[2].replace('_', '-')}"
        axes.plot(
            [cell["seconds"] * 1e3 for cell in mine],
            [cell["attacked"] for cell in mine],
            line,
            marker=".",
            color=f"C{number % 10}",
            label=label,
        )
    best = sorted((cell for cell in found if cell["front"]), key=lambda cell: cell["seconds"])
    axes.plot([cell["seconds"] * 1e3 for cell in best], [cell["attacked"] for cell in best], "k-", linewidth=3, alpha=0.25, label="front")
    axes.set(xscale="log", xlabel="milliseconds a picture", ylabel="accuracy under PGD 8/255", title="Embedded world: cost and accuracy")
    axes.grid(True, alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=7)
    path.write_bytes(panels.png(figure, MOST))
