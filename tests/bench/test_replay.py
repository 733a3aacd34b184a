"""Both ways of deciding on stored votes: where they agree, where they do not, how many draws the second one needed."""

import io

import pytest
from rich.console import Console

from bench.records.rows import Rows
from bench.studies.certify import replay

LOOKS = (100, 150, 1000)


@pytest.mark.parametrize(
    ("hits", "wanted"),
    [
        ((100, 150, 1000), {"fixed": True, "adaptive": True, "draws": 100}),
        ((20, 30, 200), {"fixed": False, "adaptive": False, "draws": 100}),
        (
            (70, 105, 745),
            {"fixed": True, "adaptive": False, "draws": 1000},
        ),  # 0.745 of 1000 is above 0.6915, but not for every look at once
    ],
)
def test_answers_to_one_question(hits, wanted):
    row = {"idx": 0, "selection": [0, 20], "votes": [[n - hit, hit] for n, hit in zip(LOOKS, hits, strict=True)]}
    assert replay.replayed(row, LOOKS, 0.5) == wanted


def test_votes_are_drawn_once_and_counted_up(tmp_path):
    rows = replay.draw(Rows(tmp_path), 1, 150, Console(file=io.StringIO()))
    (row,) = [row for row in rows if row["kind"] == "votes"]
    assert sum(row["selection"]) == 20 and [sum(votes) for votes in row["votes"]] == [100, 150]
    assert replay.draw(Rows(tmp_path), 1, 150, Console(file=io.StringIO())) == rows
    assert "| 1 sigma | 1 |" in replay.render(rows)
