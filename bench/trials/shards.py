"""Shards of a campaign of looks, written apart by `fvit table --shard i/k`, joined to the rows that one run writes."""

from collections.abc import Sequence
from pathlib import Path

from bench.records import rows as records
from bench.records.rows import Rows
from bench.trials import tally as tallies
from bench.trials.campaign import PART, WHOLE
from runtime.errors import FvitError


def merge(folders: Sequence[Path], into: Path) -> str:
    """The last sharded campaign in `folders` as a campaign of looks in `into`, its name. Every shard is wanted, each of them whole."""
    rows = [row for folder in folders for row in Rows(folder).read()]
    places = ", ".join(map(str, folders))
    found = [row for row in rows if row["kind"] == "campaign" and row["settings"].get("table") == PART]
    if not found:
        raise FvitError(f"no shard in {places}; measure them first: fvit table N --shard 1/2 and 2/2")
    heads = {tuple(head["settings"]["shard"]): head for head in found if _same(head) == _same(found[-1])}
    every = found[-1]["settings"]["shard"][1]
    if missing := [f"{i}/{every}" for i in range(1, every + 1) if (i, every) not in heads]:
        raise FvitError(
            f"{places} has no shard {', '.join(missing)} of the same commit, settings and weights; measure it, or name its folder"
        )
    parts = {
        shard: {row["key"]: row for row in rows if row["campaign"] == head["campaign"] and row["kind"] == "part"}
        for shard, head in heads.items()
    }
    keys = list(dict.fromkeys(key for part in parts.values() for key in part))
    for (i, k), part in parts.items():
        if short := len(keys) - len(part):
            raise FvitError(f"shard {i}/{k} lacks {short} of {len(keys)} looks; run it again to its end, it goes on where it stopped")
    name, target = records.new(), Rows(into)
    settings = {key: value for key, value in found[-1]["settings"].items() if key != "shard"} | {"table": WHOLE}
    target.append(found[-1] | {"campaign": name, "settings": settings, "shards": every})
    for key in keys:
        target.append({"campaign": name} | _joined([part[key] for part in parts.values()]))
    return name


def _same(head: dict) -> tuple:
    """What shards of one campaign share."""
    settings = {key: value for key, value in head["settings"].items() if key != "shard"} | {"of": head["settings"]["shard"][1]}
    return settings, head["environment"]["commit"]


def _joined(found: list[dict]) -> dict:
    """The row of a look from its parts; one that failed in a shard has failed."""
    row = {key: found[0][key] for key in ("key", "look")} | {"kind": "look"}
    if failed := next((one for one in found if "error" in one), None):
        return row | {key: failed[key] for key in ("word", "error") if key in failed}
    try:
        return row | tallies.row(tallies.joined(tallies.read(one["tally"]) for one in found))
    except FvitError as error:
        return row | {"error": str(error)}
