"""The page of `fvit roofline`, from rows alone."""

import math
from statistics import median

import pandas as pd

from bench.pages.page import table
from bench.records.stats import median_interval, paired_ratio
from bench.studies.roofline.networks import REFERENCE, WORKS

READING = """## How to read it

- A pair is one call of the candidate and one of eager fp32 on the same inputs, in turn; the ratio is the median over pairs with its 95 %
  interval by order statistics (below six pairs: the whole range). Loading, exporting and parity are outside.
- The share of the ceiling is the least time that this machine's fastest measured product of that precision and its bandwidth allow, over the
  median measured. It counts matrix products, convolutions and attention. Convolutions by Winograd do fewer operations than are counted.
- "Aimed at" is this project's own target, set before it was measured. Everything timed has passed parity with eager fp32 first.
- Random weights: times mean something, accuracy does not. Labels are compared on pictures only where weights were trained.
"""


def render(rows: list[dict]) -> tuple[str, pd.DataFrame]:
    """Markdown, campaign by campaign, and one line for each candidate."""
    parts = ["# Roofline\n", summary([row for row in rows if row["kind"] == "pair"])]
    for head in (row for row in rows if row["kind"] == "campaign"):
        parts += _campaign(head, [row for row in rows if row.get("campaign") == head["campaign"]])
    return "\n".join([*parts, "", READING]), pd.DataFrame([_cell(row) for row in rows if row["kind"] == "pair"])


def summary(pairs: list[dict]) -> str:
    """Each work's fastest session in each precision that something was aimed at."""
    lines = []
    for key, batch in dict.fromkeys((row["work"], row["batch"]) for row in pairs):
        mine = [row for row in pairs if (row["work"], row["batch"]) == (key, batch) and "seconds" in row]
        if mine:
            middle = median([value for row in mine for value in row["reference_seconds"]])
            lines.append((f"{WORKS[key].title}, batch {batch}", f"{middle * 1e3:.4g}", *(_fastest(mine, precision) for precision in AIMED)))
    return table(("work", "eager fp32, ms", *(f"fastest in {precision}, of eager fp32" for precision in AIMED)), lines)


def _fastest(mine: list[dict], precision: str) -> str:
    found = [row for row in mine if row["precision"] == precision]
    if not found:
        return "–"
    best = min(found, key=lambda row: _ratio(row)[0])
    ratio, wanted = _ratio(best)[0], WORKS[best["work"]].wanted.get(precision)
    aimed = f"; aimed at 1/{1 / wanted:g}: {'met' if ratio <= wanted else 'missed'}" if wanted else ""
    return f"{best['session']} {ratio:.3f} (1/{1 / ratio:.1f}){aimed}"


def _campaign(head: dict, rows: list[dict]) -> list[str]:
    parts = [heading(head)]
    for key in dict.fromkeys(row["work"] for row in rows if "work" in row):
        pairs = [row for row in rows if (row["kind"], row.get("work")) == ("pair", key)]
        for batch in dict.fromkeys(row["batch"] for row in pairs):
            mine = [row for row in pairs if row["batch"] == batch]
            weights = next((row["weights"] for row in mine if "weights" in row), "none loaded")
            parts.append(f"## {WORKS[key].title}, batch {batch}\n\nWeights: {weights}.\n")
            parts.append(table(COLUMNS, [_reference(mine, head), *(_line(row) for row in mine)]))
            parts += [f"- {row['session']} {row['precision']}: {row['reason']}" for row in mine if "reason" in row]
        for kind, told in (("growth", _growth), ("arrangements", _arrangements)):
            more = [row for row in rows if (row["kind"], row.get("work")) == (kind, key)]
            parts += [told(row) if "reason" not in row else f"- {kind}: {row['reason']}" for row in more][-1:]
    return parts


AIMED = ("bf16", "int8")
COLUMNS = ("session", "precision", "pairs", "ms a call", "of eager fp32", "aimed at", "share of the ceiling", "cosine", "equal labels")


def heading(head: dict) -> str:
    env = head["environment"]
    gpu = f", {env['gpu']['name']}" if env["gpu"] else ""
    versions = ", ".join(f"{name} {version}" for name, version in env["versions"].items())
    ceilings = [(precision, f"{value / 1e9:,.0f}") for precision, value in head["ceilings"].items()]
    return f"""
- machine: {env["cpu"]}, {env["cores"]} cores, {env["threads"]} threads, {env["memory_gib"]} GiB{gpu}; load at start {env["load_at_start"]}
- commit {env["commit"]}, Python {env["python"]}, {versions}
- {head["settings"]["pairs"]} pairs a candidate at most; memory bandwidth {head["bandwidth"] / 1e9:.1f} GB/s

{table(("matrix product", "billion operations a second"), ceilings)}"""


def _cell(row: dict) -> dict:
    names = ("work", "batch", "session", "precision")
    cell = {name: row[name] for name in names} | {"reason": row.get("reason", "")}
    if "seconds" not in row:
        return cell
    middle, low, high = median_interval(row["seconds"])
    ratio = _ratio(row)
    parity = row["parity"]
    return cell | {
        "seconds": middle, "low": low, "high": high, "ratio": ratio[0], "ratio_low": ratio[1], "ratio_high": ratio[2],
        "aimed_at": WORKS[row["work"]].wanted.get(row["precision"]), "roofline_share": row["roofline_share"], "flops": row["flops"],
        "cosine": parity["cosine"], "labels": parity["labels"], "pairs": len(row["seconds"]),
    }  # fmt: skip


def _ratio(row: dict) -> tuple[float, float, float]:
    found = paired_ratio(dict(enumerate(row["seconds"])), dict(enumerate(row["reference_seconds"])))
    assert found is not None
    return found


def _reference(mine: list[dict], head: dict) -> tuple:
    """Eager fp32 itself, over the pairs of all candidates."""
    times = [value for row in mine if "seconds" in row for value in row["reference_seconds"]]
    if not times:
        return (*REFERENCE, "", "–", "", "", "", "", "")
    middle, low, high = median_interval(times)
    flops = next(row["flops"] for row in mine if "flops" in row)
    share = flops / head["ceilings"][REFERENCE[1]] / middle
    return (*REFERENCE, "", f"{middle * 1e3:.4g} [{low * 1e3:.4g}, {high * 1e3:.4g}]", "1", "", f"{share:.0%}", "", "")


def _line(row: dict) -> tuple:
    if "seconds" not in row:
        return row["session"], row["precision"], "", f"– ({row['word']})", "", "", "", "", ""
    middle, low, high = median_interval(row["seconds"])
    ratio, parity = _ratio(row), row["parity"]
    wanted = WORKS[row["work"]].wanted.get(row["precision"])
    trained = "random" not in row["weights"] and not math.isnan(parity["labels"])
    return (
        row["session"], row["precision"], len(row["seconds"]), f"{middle * 1e3:.4g} [{low * 1e3:.4g}, {high * 1e3:.4g}]",
        f"{ratio[0]:.3f} [{ratio[1]:.3f}, {ratio[2]:.3f}] (1/{1 / ratio[0]:.1f})", f"1/{1 / wanted:g}" if wanted else "",
        f"{row['roofline_share']:.0%}", f"{parity['cosine']:.5f}", f"{parity['labels']:.1%}" if trained else "",
    )  # fmt: skip


def _growth(row: dict) -> str:
    """Medians over the rounds, whole and by stage; the last column is the ratio within a round."""
    numbers = {int(draws): stages for draws, stages in row["growth"].items()}
    first, last = numbers[min(numbers)], numbers[max(numbers)]
    lines = []
    for stage in first:
        ratio = paired_ratio(dict(enumerate(last[stage])), dict(enumerate(first[stage])))
        assert ratio is not None
        times = (f"{median(stages[stage]) * 1e3:.3f}" for stages in numbers.values())
        lines.append((stage, *times, f"{ratio[0]:.3f} [{ratio[1]:.3f}, {ratio[2]:.3f}]"))
    names = ("a draw of one picture, ms", *(f"m = {draws:,}" for draws in numbers), f"last / first, {len(first['whole'])} rounds")
    title = f"As many draws of one picture in {row['session']} {row['precision']}, without a map (aimed at: within 5 % of constant):"
    return f"\n{title}\n\n{table(names, lines)}"


def _arrangements(row: dict) -> str:
    times = row["seconds"]
    chosen = dict(enumerate(next(iter(times.values()))))
    lines = []
    for name, mine in times.items():
        ratio = paired_ratio(dict(enumerate(mine)), chosen)
        assert ratio is not None
        lines.append((name, f"{median(mine) * 1e3:.4g}", f"{ratio[0]:.3f} [{ratio[1]:.3f}, {ratio[2]:.3f}]"))
    return f"\nThreads, requests and shapes of openvino {row['precision']}, the same draw:\n\n" + table(
        ("arrangement", "ms a call", "of the first"), lines
    )
