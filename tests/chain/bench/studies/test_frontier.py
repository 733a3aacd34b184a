"""`fvit frontier` and `fvit plan` on two pictures: nested draws, reasons, resumes; the best setting within a budget; bad input."""

import shutil
from dataclasses import replace
from itertools import pairwise

import pandas as pd
import pytest
import torch

from bench.cli import main
from bench.records.rows import Failed, Priced, Why
from bench.records.store import Store
from bench.studies.frontier import measure
from bench.worlds import defence as defences
from bench.worlds import world as worlds
from bench.worlds.defence import Defence
from bench.worlds.workbench import EAGER, Workbench
from runtime.diffusion import schedule

WORDS = ("frontier", "--n", "2", "--session", "ort", "--precision", "fp32,bf16", "--denoise", "one_shot,blur")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Two pictures, four levels, one exported session and a control, by the real command line."""
    folder = tmp_path_factory.mktemp("frontier")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FVIT_LOOKS", str(folder / "answers"))
        patch.setattr(measure, "LEVELS", (1, 3, 10, 30))
        patch.setattr(measure, "ALONE", (1, 10))
        assert main([*WORDS, "--results", str(folder / "results")]) == 0
        (made,) = (folder / "results").iterdir()
        before = (made / "rows.jsonl").read_bytes()
        assert main([*WORDS, "--results", str(folder / "results")]) == 0 and (made / "rows.jsonl").read_bytes() == before
    return folder / "results", made


def test_every_setting_has_numbers_or_a_reason(measured):
    _, folder = measured
    rows = {row.key: row for row in Store(folder).read()}
    lost, one_shot, blurred = rows["ort bf16, one_shot"], rows["ort fp32, one_shot"], rows["ort fp32, blur"]
    assert isinstance(lost, Failed) and lost.missing.why == Why.NOT_HERE and "in bf16: CPUExecutionProvider" in lost.missing.reason
    assert isinstance(one_shot, Priced) and isinstance(blurred, Priced) and one_shot.levels == [1, 3, 10, 30]
    for votes in one_shot.votes.values():
        assert [[sum(picture) for picture in level] for level in votes] == [[1, 1], [2, 2], [7, 7], [20, 20]]
    assert set(one_shot.votes) == {"clean", "attacked"} and len(one_shot.seconds) == 8 and min(one_shot.seconds) > 0
    assert one_shot.cosine == pytest.approx([1.0] * 2, abs=1e-4) and one_shot.topk == [1.0] * 2 and len(one_shot.labels) == 2
    assert one_shot.alone.keys() == {"1", "10"} and len(one_shot.alone["1"]) == measure.REPETITIONS
    assert 0 < min(one_shot.alone["1"]) < max(one_shot.alone["10"])
    assert blurred.cosine is not None and min(blurred.cosine) < 0.999 and min(blurred.seconds) < max(one_shot.seconds)


def test_the_first_draws_are_the_same_however_many_follow():
    """The levels are nested: the votes of the parts add up to those of all draws at once."""
    bench = Workbench(worlds.open("embedded"))
    defence = Defence("noise", schedule.level(bench.denoiser.schedule, bench.world.noise, "cumulative"))
    images, _ = bench.world.samples(1, bench.backbone)

    def votes(first: int, last: int) -> torch.Tensor:
        answer = defences.answer(bench, replace(defence, draws=last - first, first=first), EAGER, images, [0])
        assert answer.votes is not None
        return answer.votes

    parts = [votes(a, b) for a, b in pairwise((0, 1, 3, 10, 20))]
    assert torch.equal(torch.stack(parts).sum(0), votes(0, 20)) and votes(0, 20).sum() == 20


def test_page_plot_and_table_are_written_and_made_again(measured):
    results, folder = measured
    page = (folder / "frontier.md").read_text()
    assert "**The cheapest setting within 1 point of the best under PGD 8/255" in page and "| ort fp32 | blur | 1 |" in page
    assert (folder / "frontier.png").stat().st_size > 10_000 and len(pd.read_csv(folder / "frontier.csv")) == 2 * 5
    assert main(["frontier", "--from-rows", "--results", str(results)]) == 0 and (folder / "frontier.md").read_text() == page


def test_plan_names_the_best_setting_within_a_budget_or_none(measured, capsys):
    results, folder = measured
    fastest = pd.read_csv(folder / "frontier.csv")["alone"].min()
    for words, code in (
        (("--latency", "1000s"), 0),
        (("--accuracy", "0.1", "--latency", "1000s"), 0),
        (("--accuracy", "0.1"), 0),
        (("--latency", f"{fastest * 500:.3f}ms"), 1),
    ):
        assert main(["plan", *words, "--results", str(results)]) == code
        text = capsys.readouterr().out
        assert ("no measured setting" in text) == bool(code) and "ms per picture" in text
        if code == 0:
            assert "(n = 2;" in text and ("--latency" not in words or " ms alone)" in text)


def test_plan_reads_the_folder_of_another_machine(measured, tmp_path, capsys):
    _, folder = measured
    shutil.copytree(folder, tmp_path / "embedded-another")
    assert main(["plan", "--latency", "1000s", "--results", str(tmp_path / "embedded-another")]) == 0
    assert "embedded-another/frontier.md)" in capsys.readouterr().out
    assert main(["plan", "--latency", "1000s", "--results", str(tmp_path)]) == 2  # this machine has no rows there


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("plan",), "nothing to plan for"),
        (("plan", "--latency", "50"), "--latency 50: a time above 0 with its unit"),
        (("plan", "--latency=-5ms"), "--latency -5ms: a time above 0"),
        (("plan", "--accuracy", "90"), "--accuracy 90: a share above 0"),
        (("plan", "--latency", "50ms"), "no rows of the study 'frontier' here; measure it first"),
        (("frontier", "--denoise", "ddim-3"), "unknown denoiser 'ddim-3'"),
        (("frontier", "--n", "0"), "--n 0: a whole number from 1"),
    ],
)
def test_bad_input(words, line, tmp_path, capsys):
    assert main([*words, "--results", str(tmp_path)]) == 2
    assert line in capsys.readouterr().err and not list(tmp_path.iterdir())
