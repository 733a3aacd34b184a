"""The page of `fvit latency`, from rows alone."""

import pandas as pd

from bench.pages.page import table

NAMES = (
    "scenario",
    "answer",
    "session",
    "draws",
    "merged",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "pictures/s",
    "verdict",
    "right",
    "peak MB",
    "cold start s",
)
READING = """## How to read it

- A query is one test picture of the embedded world with all its draws; `map`: the label and VTA's mean map, in eager fp32; another answer is
  the label and that explainer's map. The fused graph denoises and classifies, {largest} draws a call at most.
- `single-stream`: the next query when the last is answered. `server`: queries come at random (Poisson) at the rate offered; VALID: the 99th
  percentile keeps its target. `offline`: all at once; a latency has no meaning there.
- `merged`: requests answered together, at most and (in brackets) on average. Only requests that wait already are merged.
- `right`: share of the pictures served whose answer is their label, with its 95 % interval. Memory: peak of the process, and how much more it
  holds at the end of the run than at its begin.
- The verdict is MLPerf LoadGen's on this run. These are no MLPerf results: no closed division, no submission, runs of a minute.
"""


def render(rows: list[dict], largest: int) -> tuple[str, pd.DataFrame]:
    """Markdown, and one line for each run."""
    head = next(row for row in rows if row["kind"] == "campaign")
    runs = [row for row in rows if row["kind"] == "latency"]
    env = head["environment"]
    gpu = f", {env['gpu']['name']}" if env["gpu"] else ""
    versions = ", ".join(f"{name} {version}" for name, version in env["versions"].items())
    parts = [
        f"# Deployment latency\n\n- machine: {env['cpu']}, {env['cores']} cores, {env['memory_gib']} GiB{gpu}; load at start {env['load_at_start']}",
        f"- commit {env['commit']}, Python {env['python']}, {versions}",
        f"- {head['weights']}; {_parity(head)}",
        *dict.fromkeys(_offer(row) for row in runs if row["case"]["scenario"] == "server" and "verdict" in row),
        "\n" + table(NAMES, [_line(row) for row in runs]),
        *(f"- {_name(row)}: {row.get('reason') or row['why']}" for row in runs if row.get("reason") or row["why"]),
        "\n" + READING.format(largest=largest),
    ]
    return "\n".join(parts), pd.DataFrame([_flat(row) for row in runs])


def _parity(head: dict) -> str:
    session, found = head["settings"]["session"], head["parity"]
    return f"{session}, cosine with eager fp32 {found['cosine']:.6f}" if found else f"{session}, the reference of every parity"


def _offer(row: dict) -> str:
    case = row["case"]
    what = f"offered {row['qps']:.3g} pictures a second, p99 wanted within {row['target_p99']:.0f} ms"
    return f"- server, {case['answer']}, {case['draws']} draws: {what}"


def _name(row: dict) -> str:
    case = row["case"]
    return f"{case['scenario']}, {case['answer']}, {case['session']} {case['precision']}, {case['draws']} draws, merging {case['merge']}"


def _line(row: dict) -> tuple:
    case = row["case"]
    shared = (case["scenario"], case["answer"], f"{case['session']} {case['precision']}", case["draws"])
    if "verdict" not in row:
        return (*shared, case["merge"], *["–"] * 4, f"– ({row['word']})", *["–"] * 3)
    right, low, high = row["accuracy"]
    grown = (row["resident_end"] - row["resident_begin"]) / 1e6
    return (
        *shared, f"{case['merge']} ({row['merged']:.1f})", *(f"{row[p]:.1f}" if p in row else "–" for p in ("p50", "p90", "p99")),
        f"{row['pictures_a_second']:.2f}", row["verdict"], f"{right:.3f} [{low:.2f}, {high:.2f}]", f"{row['peak_bytes'] / 1e6:.0f} ({grown:+.0f})",
        f"{row['cold_start_seconds']:.1f}",
    )  # fmt: skip


def _flat(row: dict) -> dict:
    kept = ("p50", "p90", "p99", "pictures_a_second", "verdict", "why", "queries", "merged", "pictures", "qps", "target_p99", "cold_start_seconds",
            "peak_bytes", "resident_begin", "resident_end", "reason")  # fmt: skip
    accuracy = dict(zip(("right", "right_low", "right_high"), row.get("accuracy", ()), strict=False))
    return row["case"] | {name: row[name] for name in kept if name in row} | accuracy
