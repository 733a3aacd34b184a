"""Tables of trials: what a trial gives, a table measured, stopped, shown and compared."""

import io
import re
from dataclasses import replace

import pytest
import torch
from rich.console import Console

from bench.attacks import autoattack, topk
from bench.cli import main
from bench.commands._table import show
from bench.records.campaign import How
from bench.records.rows import Answered, Failed, Head
from bench.records.store import Store
from bench.trials import measure
from bench.trials.run import Runner
from bench.trials.settings import Settings
from bench.trials.tally import tally
from bench.trials.trial import Trial
from bench.worlds import world as worlds
from bench.worlds.attack import Threat
from bench.worlds.presets import preset
from helpers.tables import TABLES, synthetic

SMALL = Settings(n=2)
QUIET = Console(file=io.StringIO())
DDS = preset("corrected").defence()


@pytest.fixture(scope="module")
def runner() -> Runner:
    return Runner(worlds.open("embedded"))


def test_pictures_and_answers_do_not_depend_on_the_part(runner):
    trial = Trial("vit_embedded", "digits", 3, threat=Threat(), defence=DDS)
    together = runner.answers(trial, range(3))
    for number in range(3):
        alone = runner.answers(trial, range(number, number + 1))
        torch.testing.assert_close(alone.pictures.images[0], together.pictures.images[number], atol=1e-6, rtol=0)
        assert alone.labels[0] == together.labels[number]
    assert [list(part) for part in runner.parts(replace(trial, images=45))] == [list(range(20)), list(range(20, 40)), list(range(40, 45))]


def test_a_row_with_everything(runner):
    metrics = ("pixel_accuracy", "miou", "map", "shared_relevance", "topk", "cosine", "positive_auc", "negative_auc")
    trial = Trial("vit_embedded", "digits", 2, threat=Threat(), maps=tuple(("rollout", metric) for metric in metrics))
    row = runner.row(trial, range(2), "c")
    assert row.numbers == [0, 1] and len(row.answers) == len(row.labels) == 2 and row.votes is None and row.sigma is None
    own = tally([row])
    intervals = {metric: own.interval(metric, "rollout") for metric in metrics}
    assert all(0 <= one.low <= one.value <= one.high <= 1 for one in intervals.values()) and 0.5 < intervals["shared_relevance"].value < 1
    assert own.each("pixel_accuracy", "rollout").mean() == pytest.approx(intervals["pixel_accuracy"].value, abs=1e-6)


def test_a_finished_table_measures_nothing_twice_and_another_setting_does(runner, tmp_path):
    grid = replace(TABLES["9"], cells=lambda settings: TABLES["9"].cells(settings)[:2])
    store = Store(tmp_path)
    name = measure.measure([grid], SMALL, store, runner, QUIET, How())
    before = store.path.read_bytes()
    assert measure.measure([grid], SMALL, store, runner, QUIET, How()) == name and store.path.read_bytes() == before
    assert measure.measure([grid], replace(SMALL, n=1), store, runner, QUIET, How()) != name


def test_with_a_time_limit_the_first_pictures_of_every_trial_come_first(runner, tmp_path, monkeypatch):
    monkeypatch.setattr(runner.world, "chunk", 1)
    grid = replace(TABLES["9"], cells=lambda settings: TABLES["9"].cells(settings)[:2])
    measure.measure([grid], SMALL, Store(tmp_path), runner, QUIET, How(seconds=3600))
    assert [row.numbers for row in Store(tmp_path).read() if isinstance(row, Answered)] == [[0], [0], [1], [1]]


def test_a_trial_that_fails_has_its_reason_once_and_the_others_their_numbers(runner, tmp_path, monkeypatch):
    monkeypatch.setattr(runner.world, "chunk", 1)
    cells = TABLES["9"].cells(SMALL)[:2]
    wrong = replace(cells[1].trial, backbone="vit_nowhere")
    grid = replace(TABLES["9"], cells=lambda settings: [cells[0], replace(cells[1], trial=wrong)])
    store = Store(tmp_path)
    name = measure.measure([grid], SMALL, store, runner, QUIET, How())
    rows = store.read()
    (failed,) = [row for row in rows if isinstance(row, Failed)]
    assert "unknown backbone 'vit_nowhere'" in failed.missing.reason and failed.again
    assert sum(isinstance(row, Answered) for row in rows) == 2 and show([grid], store, QUIET, name) == 1


def test_a_plan_measures_nothing(capsys, tmp_path):
    assert main(["table", "all", "--dry-run", "--results", str(tmp_path)]) == 0
    assert "54200" in capsys.readouterr().out and not list(tmp_path.iterdir())


def write(folder, rows) -> None:
    store = Store(folder)
    with store.locked():
        for row in rows:
            store.append(row)


def test_the_report_of_a_folder_is_one_file_that_says_what_was_measured(tmp_path, capsys):
    settings = Settings(n=4)
    rows = [row for name in ("2", "8", "10") for row in synthetic(settings, TABLES[name])]
    heads = [row for row in rows if isinstance(row, Head)]
    write(tmp_path, [*heads[:1], *(row for row in rows if not isinstance(row, Head))])
    assert main(["report", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "Under PGD 8/255 on the undefended network the ViT keeps 75.0%" in page and 'id="table-10' in page
    assert "http" not in page.replace("http-equiv", "") and "data:image/png;base64," in page and page.count("<table") > 6
    assert main(["report", str(tmp_path / "none")]) == 2 and "measure first" in capsys.readouterr().err


def test_two_runs_compared(tmp_path, capsys):
    """The second run loses one trial's answers; more perturbation AUC is worse when the most relevant pixels go first."""
    grid, settings = TABLES["2"], Settings(n=4)

    def rows(lost=False, auc=1.0):
        made = synthetic(settings, grid)
        answered = [row for row in made if isinstance(row, Answered)]
        if lost:
            first = answered[0]
            many = list(range(400))
            made[made.index(first)] = replace_row(first, numbers=many, labels=[0] * 400, answers=[1] * 400, votes=None, scores={})
        for row in answered:
            row.scores["vta"]["positive_auc"] = [[auc] * 10] * 4
        return made

    write(tmp_path / "a", rows())
    write(tmp_path / "b", rows(lost=True))
    write(tmp_path / "c", rows(auc=0.5))
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "a")]) == 0
    assert re.search(r"0 better, 0 worse, [1-9]\d+ within", capsys.readouterr().out)
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    assert re.search(r"0 better, [1-9]\d* worse", capsys.readouterr().out)  # several tables have cells of that trial
    assert main(["compare", str(tmp_path / "c"), str(tmp_path / "a")]) == 1 and re.search(
        r"0 better, [1-9]\d* worse", capsys.readouterr().out
    )
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "c")]) == 0
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "none")]) == 2 and "no rows" in capsys.readouterr().err


def replace_row(row, **changes):
    import msgspec

    return msgspec.structs.replace(row, **changes)


def test_autoattack_through_the_defence_keeps_its_stages(runner, monkeypatch):
    few = replace(autoattack.VARIANTS["autoattack_rand"], steps=2, samples=2)
    monkeypatch.setattr(autoattack, "VARIANTS", {"autoattack_rand": few})
    row = runner.row(Trial("vit_embedded", "digits", 2, threat=Threat("autoattack_rand"), defence=DDS), range(2), "c")
    assert len(row.stages) == 2 and set(row.stages) <= {"clean", "", "apgd-ce", "apgd-dlr"} and row.blind == [False, False]
    assert [sum(votes) for votes in row.votes] == [10, 10] and tally([row]).warnings() == []


def test_top_k_through_the_defence_moves_its_map_further_than_from_outside(runner, monkeypatch):
    """The attacker's draws, half of them here, are not the defence's; the labels stay."""
    monkeypatch.setattr(topk, "VARIANTS", {"topk_dds": replace(topk.VARIANTS["topk_dds"], samples=4)})
    kept = {}
    for attack in ("topk", "topk_dds"):
        trial = Trial("vit_embedded", "digits", 2, threat=Threat(attack), defence=DDS, maps=(("rollout", "topk"),))
        own = tally([runner.row(trial, range(2), "c")])
        assert own.right.all()
        kept[attack] = own.interval("topk", "rollout").value
    assert kept["topk_dds"] < kept["topk"]


def test_rows_as_one_table_and_packed(tmp_path, capsys):
    write(tmp_path, synthetic(Settings(n=4), TABLES["9"]))
    assert main(["rows", str(tmp_path), "--csv", str(tmp_path / "rows.csv"), "--pack"]) == 0
    assert "trials: 31 answered" in capsys.readouterr().out and "answers" in (tmp_path / "rows.csv").read_text()
    assert (tmp_path / "rows.jsonl.xz").is_file() and len(Store(tmp_path).read()) == 33
    assert main(["rows", str(tmp_path / "none")]) == 2 and "no rows in" in capsys.readouterr().err
