"""Both ways of deciding on stored votes: where they agree, where they do not, how many draws the second one needed."""

import pytest

from bench.records.rows import Head, Replayed
from bench.studies.certify import replay
from bench.studies.certify.replay import Decided

LOOKS = (100, 150, 1000)


def votes(picture, hits):
    shares = [[n - hit, hit] for n, hit in zip(LOOKS, hits, strict=True)]
    return Replayed(campaign="c", key=f"picture {picture}", picture=picture, selection=[0, 20], votes=shares)


@pytest.mark.parametrize(
    ("hits", "wanted"),
    [
        ((100, 150, 1000), Decided(True, True, 100)),
        ((20, 30, 200), Decided(False, False, 100)),
        ((70, 105, 745), Decided(True, False, 1000)),  # 0.745 of 1000 is above 0.6915, but not for every look at once
    ],
)
def test_answers_to_one_question(hits, wanted):
    assert replay.decide(votes(0, hits), LOOKS, 0.5) == wanted


def test_the_table_from_known_votes(monkeypatch):
    monkeypatch.setattr(replay.sequential, "looks", lambda most: LOOKS)
    head = Head(campaign="c", key="head", study="replay", commit="c", settings={"pictures": 2, "draws": 1000, "given": {}})
    text = replay.render([head, votes(1, (70, 105, 745)), votes(0, (100, 150, 1000))])
    assert "| 0.5 sigma | 2 | 2 / 1 | 1 (pictures 1) | 550 [100, 1000] | 550 | 0.550 |" in text
