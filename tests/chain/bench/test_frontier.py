"""`fvit frontier` and `fvit plan`: nested draws, certificates, the front and the sentences; the best setting within a budget; bad input."""

import json
from dataclasses import replace
from itertools import pairwise

import pandas as pd
import pytest
import torch

from bench.cli import main
from bench.records import cache as lookcache
from bench.records.rows import Rows
from bench.studies.frontier import measure as frontier
from bench.worlds import defence as defences
from bench.worlds.workbench import Workbench
from bench.worlds.world import WorldOptions, build
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


def test_page_plot_and_table_are_written_and_made_again(measured):
    results, folder = measured
    page = (folder / "frontier.md").read_text()
    assert "**The cheapest setting within 1 point of the best under PGD 8/255" in page and "| ort fp32 | blur | 1 |" in page
    assert (folder / "frontier.png").stat().st_size > 10_000 and len(pd.read_csv(folder / "frontier.csv")) == 2 * 5
    assert main(["frontier", "--from-rows", "--results", str(results)]) == 0 and (folder / "frontier.md").read_text() == page


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
