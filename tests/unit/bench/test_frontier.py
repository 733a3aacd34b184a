"""The frontier and the plan without a measurement: when draws end, what is asked for, the front, the sentences."""

from argparse import Namespace

import torch

from bench.commands.frontier import points
from bench.records import rows as records
from bench.studies.frontier import measure as frontier
from bench.studies.frontier import page as frontier_page
from runtime.certificates import certify


def test_draws_end_when_the_label_is_certain():
    levels = [20, 30, 100]
    assert certify.decided(20, 20, 0.5, frontier.ALPHA) and certify.decided(10, 10, 0.5, frontier.ALPHA) is None
    assert frontier._stopped([10, 20, 90], levels) == 30 and frontier._stopped([5, 10, 45], levels) == 100
    assert frontier._stopped([0, 0, 0], levels) == 100  # the first draws' label is refuted, and no other is certain


def test_adaptive_answers_by_what_was_drawn():
    """Ten draws for label 0, forty for label 1: not certain of 0, so the last level's majority answers; all for 0: the first look does."""
    it = frontier.Frontier.__new__(frontier.Frontier)
    it.labels = torch.tensor([1, 0])
    parts = [torch.tensor([[10, 0], [10, 0]]), torch.tensor([[0, 20], [20, 0]]), torch.tensor([[0, 20], [20, 0]])]
    found = it._adaptive({"clean": parts}, [10, 30, 50])
    assert found == {"drawn": {"clean": [50, 30]}, "clean": "11"}


def test_only_what_was_asked_is_measured():
    """The denoisers named, and every pair of session and precision, also one that the session has not: it gets its reason."""
    options = Namespace(session=("eager", "ort"), precision=("int8", "fp32"), denoise=("blur",))
    assert points(options) == [frontier.Point("eager", "int8", "blur")]
    options.denoise = ("one_shot",)
    assert [(point.session, point.precision) for point in points(options)] == [
        ("eager", "int8"), ("eager", "fp32"), ("ort", "int8"), ("ort", "fp32"),
    ]  # fmt: skip


def test_what_failed_is_told_once_and_what_cannot_run_is_no_failure():
    rows = [{"a": 1, "reason": "r", "word": "FvitError"}, {"a": 2, "reason": "r", "word": "SessionUnavailable"}, {"a": 1, "seconds": 2.0}]
    assert list(map(records.failed, rows)) == [True, False, False]
    assert records.last_of_each(rows, lambda row: row["a"]) == [rows[2], rows[1]]


def test_the_front_and_the_cheapest():
    seconds, attacked = [1.0, 2.0, 3.0, 4.0, 0.5], [0.5, 0.9, 0.9, 0.905, None]
    found = [{"seconds": s, "attacked": a} for s, a in zip(seconds, attacked, strict=True)]
    assert frontier_page.front(found) == [True, True, False, True, False]
    assert frontier_page.cheapest(found, "attacked")["seconds"] == 2.0


def test_certificates_that_another_precision_changes():
    def row(session, precision, bits):
        return {"kind": "point", "session": session, "precision": precision, "denoise": "one_shot", "levels": [{"certified": bits}]}

    (told,) = frontier_page.certificates([row("ort", "fp32", "1101"), row("ort", "int8", "1111"), row("openvino", "bf16", "1101")])
    assert "of 4 pictures" in told and "ort int8 1, openvino bf16 0" in told
    assert frontier_page.certificates([row("ort", "int8", "1")]) == []
