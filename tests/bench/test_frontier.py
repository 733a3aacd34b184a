"""`fvit frontier` and `fvit plan`: nested draws, certificates, the front and the sentences; the best setting within a budget; bad input."""

import json
from argparse import Namespace
from dataclasses import replace
from itertools import pairwise

import pandas as pd
import pytest
import torch

from bench.cli import main
from bench.commands.frontier import points
from bench.records import cache as lookcache
from bench.records import rows as records
from bench.records.rows import Rows
from bench.studies.frontier import measure as frontier
from bench.studies.frontier import page as frontier_page
from bench.worlds import defence as defences
from bench.worlds.workbench import Workbench
from bench.worlds.world import WorldOptions, build
from runtime.certificates import certify
from runtime.diffusion import schedule


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Two pictures, four levels, one exported session and a control, by the real command line."""
    folder, patch = tmp_path_factory.mktemp("frontier"), pytest.MonkeyPatch()
    patch.setattr(lookcache, "cache", lambda: folder / "cache")
    patch.setattr(frontier, "LEVELS", (1, 3, 10, 30))
    patch.setattr(frontier, "ALONE", (1, 10))
    words = ["frontier", "--n", "2", "--session", "ort", "--precision", "fp32,bf16", "--denoise", "one_shot,blur"]
    assert main([*words, "--results", str(folder / "results")]) == 0
    patch.undo()
    (made,) = (folder / "results").iterdir()
    return folder / "results", made


def test_every_setting_has_numbers_or_a_reason(measured):
    _, folder = measured
    rows = [row for row in Rows(folder).read() if row["kind"] == "point"]
    found = {(row["precision"], row["denoise"]): row for row in rows}
    assert set(found) == {("fp32", "one_shot"), ("bf16", "one_shot"), ("fp32", "blur")}
    assert "in bf16: CPUExecutionProvider" in found["bf16", "one_shot"]["reason"]
    one_shot = found["fp32", "one_shot"]
    assert [level["draws"] for level in one_shot["levels"]] == [1, 3, 10, 30] and one_shot["seconds_a_draw"] > 0
    assert [level["certified"] is not None for level in one_shot["levels"]] == [False, False, False, True]
    assert one_shot["maps"]["cosine"] == pytest.approx([1.0] * 2, abs=1e-4) and one_shot["maps"]["topk"] == [1.0] * 2
    assert all(len(level[which]) == 2 for level in one_shot["levels"] for which in ("clean", "attacked"))
    assert all(10 < drawn <= 30 for drawn in one_shot["adaptive"]["drawn"]["clean"])
    assert one_shot["alone"].keys() == {"1", "10"} and 0 < one_shot["alone"]["1"] < one_shot["alone"]["10"]
    assert min(found["fp32", "blur"]["maps"]["cosine"]) < 0.999 and found["fp32", "blur"]["seconds_a_draw"] < one_shot["seconds_a_draw"]


def test_the_first_draws_are_the_same_however_many_follow():
    """The levels are nested: the votes of the parts add up to those of all draws at once."""
    bench = Workbench(build(WorldOptions()), torch.device("cpu"))
    defence = defences.Defence("noise", schedule.level(bench.world.denoiser.schedule, 64 / 255, "cumulative"))
    images = bench.world.images

    def votes(first: int, last: int):
        return defences.answer(bench, images, [0], replace(defence, draws=last - first, first=first), {}).votes

    parts = [votes(a, b) for a, b in pairwise((0, 1, 3, 10, 20))]
    assert torch.equal(torch.stack(parts).sum(0), votes(0, 20)) and votes(0, 20).sum() == 20


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


def test_page_plot_and_table_are_written_and_made_again(measured):
    results, folder = measured
    page = (folder / "frontier.md").read_text()
    assert "**The cheapest setting within 1 point of the best under PGD 8/255" in page and "| ort fp32 | blur | 1 |" in page
    assert (folder / "frontier.png").stat().st_size > 10_000 and len(pd.read_csv(folder / "frontier.csv")) == 2 * 5
    assert main(["frontier", "--from-rows", "--results", str(results)]) == 0 and (folder / "frontier.md").read_text() == page


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


def test_plan_names_the_best_setting_within_a_budget_or_none(measured, capsys):
    results, folder = measured
    frame = pd.read_csv(folder / "frontier.csv")
    fastest = frame[frame["attacked"].notna()]["alone"].min()
    for words, code in (
        (("--latency", "100s"), 0),
        (("--accuracy", "0.1", "--latency", "100s"), 0),
        (("--latency", f"{fastest * 500:.3f}ms"), 1),
    ):
        assert main(["plan", *words, "--results", str(results)]) == code
        text = capsys.readouterr().out
        assert ("no measured setting" in text) == bool(code) and "ms a picture" in text
        if code == 0:
            assert "(n = 2;" in text and " ms alone)" in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("plan",), "nothing to plan for"),
        (("plan", "--latency", "50"), "--latency 50: a time above 0 with its unit"),
        (("plan", "--latency=-5ms"), "--latency -5ms: a time above 0"),
        (("plan", "--accuracy", "90"), "--accuracy 90: a share above 0"),
        (("plan", "--latency", "50ms"), "no rows of frontier here; measure first: fvit frontier"),
        (("frontier", "--denoise", "ddim-3"), "unknown denoiser 'ddim-3'"),
        (("frontier", "--n", "0"), "--n 0: a number above 0 is wanted"),
    ],
)
def test_bad_input(words, told, tmp_path, capsys):
    assert main([*words, "--results", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err and not json.dumps([str(path) for path in tmp_path.iterdir()]).count("frontier")
