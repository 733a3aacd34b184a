"""Votes are drawn once, in parts from one look to the next."""

import io

from rich.console import Console

from bench.records.rows import Replayed
from bench.records.store import Store
from bench.studies.certify import replay
from bench.studies.certify.replay import Drawing


def test_votes_are_drawn_once_and_counted_up(tmp_path):
    quiet = Console(file=io.StringIO())
    rows = replay.draw(Drawing(1, 110), Store(tmp_path), quiet)
    (row,) = [row for row in rows if isinstance(row, Replayed)]
    assert sum(row.selection) == 20 and [sum(votes) for votes in row.votes] == [100, 110]
    assert replay.draw(Drawing(1, 110), Store(tmp_path), quiet) == rows
    assert "| 1 sigma | 1 |" in replay.render(rows)
