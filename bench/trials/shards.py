"""Shards of a campaign, measured apart by `fvit table --shard i/k`, joined to the rows that one run writes."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.records.campaign import select
from bench.records.rows import Answered, AnyRow, Asked, Failed, Head
from bench.records.store import Store
from bench.trials.grid import PART, STUDY
from bench.trials.whole import lacking
from runtime.errors import FvitError


def merge(folders: Sequence[Path], into: Store, wait: bool = False) -> str:
    """The newest sharded campaign in `folders` as one campaign in `into`; its name. Every shard is wanted, each of them complete.

    A row that `into` has already is not written again, so a merge that was killed is finished by saying it again.
    """
    rows = [row for folder in folders for row in Store(folder).read()]
    places = ", ".join(map(str, folders))
    heads = [row for row in rows if isinstance(row, Head) and row.study == PART]
    if not heads:
        raise FvitError(f"no shard in {places}; measure them first: fvit table N --shard 1/2 and 2/2")
    newest, shards = heads[-1], {tuple(head.settings["shard"]): head for head in heads if _same(head) == _same(heads[-1])}
    every = newest.settings["shard"][1]
    if absent := [f"{i}/{every}" for i in range(1, every + 1) if (i, every) not in shards]:
        raise FvitError(
            f"{places} has no shard {', '.join(absent)} of the same commit, settings and weights; measure it, or name its folder"
        )
    parts = {shard: select(rows, head.campaign) for shard, head in shards.items()}
    _require_complete(parts)
    with into.locked(wait):
        return _join(newest, parts, into)


def _require_complete(parts: dict[tuple, list[AnyRow]]) -> None:
    """Refuses a shard that lacks parts of what any of the shards was asked."""
    asked = list({row.key: row for rows in parts.values() for row in rows if isinstance(row, Asked)}.values())
    for (i, k), rows in parts.items():
        short, every = lacking(rows, asked, (i, k))
        if short:
            raise FvitError(
                f"shard {i}/{k} lacks {short} of its {every} parts; run it again to its end with the words of the other shards, it goes on "
                "where it stopped"
            )
        if not asked and any(isinstance(row, Answered) for row in rows):
            raise FvitError(f"shard {i}/{k} was measured by an older version, which wrote no row of what was asked of it; measure it again")


def _join(newest: Head, parts: dict[tuple, list[AnyRow]], into: Store) -> str:
    settings = {name: value for name, value in newest.settings.items() if name != "shard"}
    before = into.read()
    facts = newest.facts | {"shards": len(parts)}
    same = (STUDY, newest.commit, settings, facts)
    heads = [row for row in before if isinstance(row, Head) and (row.study, row.commit, row.settings, row.facts) == same]
    head = heads[-1] if heads else None
    if head is None:
        head = msgspec.structs.replace(newest, campaign=f"{newest.campaign}-joined", study=STUDY, settings=settings, facts=facts)
        into.append(head)
    known = {row.key for row in select(before, head.campaign) if not (isinstance(row, Failed) and row.again)}
    for row in (row for rows in parts.values() for row in rows if not isinstance(row, Head)):
        if row.key not in known:
            into.append(msgspec.structs.replace(row, campaign=head.campaign))
            known.add(row.key)
    return head.campaign


def _same(head: Head) -> tuple:
    """What shards of one campaign share."""
    settings = {name: value for name, value in head.settings.items() if name != "shard"} | {"of": head.settings["shard"][1]}
    return settings, head.commit
