"""The frontier from hand-made rows: shares, certificates, adaptive draws, the front, the sentences, the page; which settings are measured."""

from itertools import product

import pytest

from bench.commands._frontier import points
from bench.records.rows import Failed, Head, Machine, Missing, Priced, Row, Why
from bench.records.stats import Interval
from bench.studies.frontier import page
from bench.studies.frontier.costs import ALPHA, Cost, adaptive, certified, cheapest, costs, stop, with_front
from bench.studies.frontier.measure import PricedPoint
from bench.studies.frontier.settings import STUDY, FrontierSettings
from bench.worlds.workbench import Engine
from runtime.certificates import certify
from runtime.diffusion import schedule

LEVELS = [1, 3, 10, 30, 100]
ENVIRONMENT = {
    "cpu": "C", "cores": 2, "threads": 2, "memory_gib": 8, "load_at_start": 0.1, "python": "3.11", "versions": {"torch": "2"}, "gpu": None,
}  # fmt: skip


def draws(shares: list[tuple[int, int]], levels: list[int]) -> list[list[list[int]]]:
    """Votes of two labels by level: label 1 gets `of` of the first `per` draws, again and again."""
    counts = [[sum(i % per < of for i in range(level)) for of, per in shares] for level in [0, *levels]]
    return [
        [[(b - a) - (y - x), y - x] for x, y in zip(first, then, strict=True)]
        for a, b, first, then in zip([0, *levels], levels, counts, counts[1:], strict=False)
    ]


def priced(session="ort", precision="fp32", denoise="one_shot", levels=LEVELS, labels=(1, 1), shares=((1, 1), (1, 1)), **changes) -> Priced:
    """Pictures of label 1; `seconds` 0.01 per draw."""
    votes = draws(list(shares), levels)
    facts = {
        "labels": list(labels), "levels": levels, "votes": {"clean": votes, "attacked": votes}, "seconds": [0.01] * 2 * len(levels),
        "alone": {"1": [0.02, 0.03, 0.9]}, "sigma": 64 / 255, "cosine": [0.5, 1.0], "topk": [1.0, 1.0],
    }  # fmt: skip
    key = f"{session} {precision}, {denoise}"
    return Priced(campaign="c", key=key, session=session, precision=precision, denoise=denoise, **(facts | changes))


def campaign(*rows: Row) -> list:
    settings = FrontierSettings(2, "cpu", "digits", 64 / 255, [], LEVELS, [1, 10], 10, 8).__dict__
    head = Head(campaign="c", key="head", study=STUDY, commit="abc", settings=settings, weights={"backbone": "trained"})
    return [head, Machine(campaign="c", key="m", environment=ENVIRONMENT), *rows]


def test_shares_and_seconds_of_each_number_of_draws():
    """Label 1 gets two draws of three of the first picture, none of the second."""
    one, three, ten, *_ = costs([priced(shares=((2, 3), (0, 1)))])
    assert (one.draws, one.seconds, one.alone, one.n) == (1, 0.01, 0.03, 2) and one.clean.value == 0.5 and one.certified is None
    assert three.seconds == pytest.approx(0.03) and three.alone is None and ten.seconds == pytest.approx(0.1)
    assert one.cosine == 0.75 and one.topk == 1.0 and 0 < one.clean.low < 0.5 < one.clean.high < 1


def test_a_certificate_needs_the_right_label_and_the_radius():
    row = priced(labels=(1, 0, 1), shares=((1, 1), (1, 1), (6, 10)))
    assert certified(row, 1) is None and certified(row, 10) is None and certified(priced(levels=[1]), 1) is None
    bits = certified(row, 100)
    assert bits is not None and bits.tolist() == [True, False, False]  # the second is certified wrong, the third too narrow


def test_draws_end_when_the_label_is_certain():
    levels = [20, 30, 100]
    assert certify.decided(20, 20, 0.5, ALPHA) and certify.decided(10, 10, 0.5, ALPHA) is None
    assert stop([10, 20, 90], levels) == 30 and stop([5, 10, 45], levels) == 100
    assert stop([0, 0, 0], levels) == 100  # the first draws' label is refuted, and no other is certain


def test_adaptive_answers_by_what_was_drawn():
    """Ten draws for label 0, forty for label 1: not certain of 0, so the last level's majority answers; all for 0: the first look does."""
    parts = [[[10, 0], [10, 0]], [[0, 20], [20, 0]], [[0, 20], [20, 0]]]
    row = priced(levels=[10, 30, 50], labels=(1, 0), votes={"clean": parts, "attacked": parts})
    stopped = adaptive(row, "clean")
    assert stopped is not None and stopped[0] == [50, 30] and stopped[1].tolist() == [True, True]
    last = costs([row])[-1]
    assert (
        last.draws is None
        and last.mean_draws == 40
        and last.seconds == pytest.approx(0.4)
        and last.certified is None
        and last.alone is None
    )
    assert adaptive(priced(levels=[1, 3]), "clean") is None and len(costs([priced(levels=[1, 3])])) == 2


def cost(seconds: float, attacked: float, **changes) -> Cost:
    share = Interval(attacked, 0.0, 1.0)
    facts = {"session": "ort", "precision": "fp32", "denoise": "one_shot", "draws": 1, "mean_draws": 1, "seconds": seconds, "alone": None,
             "clean": share, "attacked": share, "certified": None, "cosine": None, "topk": None, "n": 200}  # fmt: skip
    return Cost(**facts | changes)


def test_the_front_and_the_cheapest():
    settings = [cost(*pair) for pair in ((1.0, 0.5), (2.0, 0.9), (3.0, 0.9), (4.0, 0.905))]
    assert [one.front for one in with_front(settings)] == [True, True, False, True]
    assert cheapest(settings, lambda one: one.attacked) == (settings[1], 0.9, 0.905)
    assert cheapest(settings, lambda one: one.certified) is None


def test_a_setting_in_words():
    assert str(cost(1.0, 0.5)) == "ort fp32, one-shot, 1 draw" and str(cost(1.0, 0.5, draws=10)) == "ort fp32, one-shot, 10 draws"
    assert str(cost(1.0, 0.5, draws=None)) == "ort fp32, one-shot, adaptive draws"


def test_certificates_that_another_precision_changes():
    wrong = priced("ort", "int8", shares=((0, 1), (1, 1)))
    (sentence,) = page.certificates([priced(), wrong, priced("openvino", "bf16"), priced("ort", "bf16", "blur", shares=((0, 1), (0, 1)))])
    assert "of 2 pictures at 100 draws" in sentence and "ort int8 1, openvino bf16 0." in sentence and "blur" not in sentence
    assert (
        page.certificates([wrong]) == [] and page.certificates([priced(levels=[1, 3]), wrong]) == [] and page.certificates([priced()]) == []
    )


def test_the_page_from_known_rows():
    lost = Failed(campaign="c", key="ort bf16, one_shot", missing=Missing(Why.NOT_HERE, "no bf16 here"), again=False)
    made = page.render(campaign(priced(), priced(denoise="chain", levels=[1], alone={}, cosine=None, topk=None, seconds=[1.0, 1.0]), lost))
    assert "- 2 test pictures of `digits`, seed 0, real noise 64/255" in made.markdown and "- weights: backbone trained" in made.markdown
    assert (
        "**The cheapest setting within 1 point of the best under PGD 8/255 (1.000) is ort fp32, one-shot, 1 draw: 1.000 at 10 ms per picture.**"
        in made.markdown
    )
    assert "**The cheapest setting within 1 point of the best certified at 0.25 sigma" in made.markdown
    assert "| ort fp32 | one-shot | 1 | 10 | 30 | 1.000 [0.34, 1.00] | 1.000 [0.34, 1.00] | – | 0.7500 | 1.0000 | yes |" in made.markdown
    assert "| ort fp32 | one-shot | adaptive (30.0) | 300 | – |" in made.markdown and "| ort fp32 | one-shot | 3 |" not in made.markdown
    assert "| ort fp32 | chain | 1 | 1000 | – | 1.000 [0.34, 1.00] | 1.000 [0.34, 1.00] | – | – | – |  |" in made.markdown
    assert "- ort bf16, one_shot: – (not possible here): no bf16 here" in made.markdown and "measured at 1, 10 draws" in made.markdown
    assert len(made.cells) == len(LEVELS) + 1 + 1 and made.cells[0]["attacked_low"] == pytest.approx(0.342, abs=1e-3)
    assert (
        made.cells[len(LEVELS)]["draws"] == "adaptive"
        and made.cells[0]["certified"] is None
        and 5_000 < len(made.plots["frontier.png"]) < 70_000
    )


def test_a_page_without_a_number_gives_the_reasons():
    lost = Failed(campaign="c", key="ort fp32, one_shot", missing=Missing(Why.FAILED, "the disk is full"), again=True)
    made = page.render(campaign(lost))
    assert "No setting has a number." in made.markdown and "the disk is full" in made.markdown and made.cells == [] and made.plots == {}
    assert page.sentences(campaign(lost)) == []


def test_only_what_was_asked_is_measured():
    """The denoisers named, and every pair of session and precision, also one that the session has not: it gets its reason."""
    assert points(("eager", "ort"), ("int8", "fp32"), ("blur",)) == [PricedPoint(Engine("eager", "int8"), "blur")]
    every = points(("eager", "ort"), ("int8", "fp32"), ("one_shot",))
    assert [point.words[:2] for point in every] == list(product(("eager", "ort"), ("int8", "fp32")))


def test_what_a_point_puts_before_the_classifier():
    level = schedule.level(schedule.linear(), 64 / 255, "cumulative")
    ddim = PricedPoint(Engine(), "ddim-4")
    assert (ddim.defence(level).denoise, ddim.defence(level).steps, ddim.calls(level.t)) == ("ddim", 4, 4)
    assert PricedPoint(Engine(), "identity").defence(level).kind == "noise" and PricedPoint(Engine(), "jpeg").calls(level.t) == 1
    assert PricedPoint(Engine(), "chain").calls(level.t) == level.t + 1 and PricedPoint(Engine(), "one_shot").calls(level.t) == 1
