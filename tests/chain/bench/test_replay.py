"""Both ways of deciding on stored votes: where they agree, where they do not, how many draws the second one needed."""

import io

from rich.console import Console

from bench.records.rows import Rows
from bench.studies.certify import replay


def test_votes_are_drawn_once_and_counted_up(tmp_path):
    rows = replay.draw(Rows(tmp_path), 1, 150, Console(file=io.StringIO()))
    (row,) = [row for row in rows if row["kind"] == "votes"]
    assert sum(row["selection"]) == 20 and [sum(votes) for votes in row["votes"]] == [100, 150]
    assert replay.draw(Rows(tmp_path), 1, 150, Console(file=io.StringIO())) == rows
    assert "| 1 sigma | 1 |" in replay.render(rows)
