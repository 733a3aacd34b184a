"""Table 3's cells: from raw rows to one record a cell, measured, computed or with the reason why there is none."""

from collections import defaultdict

from bench.records.stats import median_interval


def timings(rows: list[dict]) -> list[dict]:
    """One record a cell: measured, computed or the reason why not; times of one draw."""
    by_key: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        if row["kind"] in ("time", "reason"):
            by_key[row["key"]].append(row)
    cells = [_cell(group) for group in by_key.values()]
    for cell in cells:
        if cell["word"] == "computed":
            compute(cell, cells)
    order = {name: i for i, name in enumerate(("one_shot", "chain"))}
    return sorted(cells, key=lambda c: (order[c["denoise"]], c["rule"], c["session"], c["precision"], c["graph"], c["sigma"]))


def _cell(group: list[dict]) -> dict:
    run, measured = group[0]["run"], [row for row in group if row["kind"] == "time"]
    facts = {key: run[key] for key in ("session", "precision", "graph", "denoise", "rule", "sigma", "draws")}
    facts |= {"t": group[0]["t"], "real_sigma_255": group[0]["real_sigma"] * 255, "calls": group[0]["calls"], "rounds": len(measured)}
    if not measured:
        return facts | {"word": group[0]["word"], "reason": group[0]["reason"], "seconds": None, "stages": {}}
    draws = run["draws"] * run["images"]
    median, low, high = median_interval([row["seconds"] / draws for row in measured])
    names = measured[0]["stages"]
    stages = {name: median_interval([row["stages"][name] / draws for row in measured])[0] for name in names}
    share = median_interval([row["roofline_share"] for row in measured])[0] if "roofline_share" in measured[0] else None
    memory = max(row["peak_bytes"] for row in measured)
    return facts | {
        "word": "measured", "seconds": median, "low": low, "high": high, "stages": stages, "batch": measured[0]["batch"], "peak_bytes": memory,
        "roofline_share": share,
    }  # fmt: skip


def compute(cell: dict, cells: list[dict]) -> None:
    """calls x seconds of a one-shot call + the rest of that draw, from a measured one-shot cell of the same session and precision."""
    source = next(
        (c for c in cells if _same_engine(c, cell) and c["denoise"] == "one_shot" and c["calls"] == 1 and c["word"] == "measured"), None
    )
    if source is None:
        cell["reason"] += "; no measured one-shot call to compute it from"
        cell["word"] = "not measured"
        return
    call = source["stages"]["denoise"]
    cell["seconds"] = cell["calls"] * call + source["seconds"] - call


def _same_engine(a: dict, b: dict) -> bool:
    return (a["session"], a["precision"], a["graph"]) == (b["session"], b["precision"], b["graph"])
