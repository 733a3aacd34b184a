"""Both ways of deciding on stored votes: where they agree, where they do not."""

import pytest

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
