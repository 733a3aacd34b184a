"""The tables of looks: what a look gives, a table measured, reported and compared."""

import io
from dataclasses import replace

import pytest
import torch
from rich.console import Console

from bench.cli import main
from bench.commands import _tables as report
from bench.records.rows import Rows
from bench.trials import campaign as tabling
from bench.trials.run import Look, Looker
from bench.trials.scene import Settings
from bench.worlds import attack as attacked
from helpers.tables import TABLES, synthetic

SMALL = Settings(n=2)


def test_pictures_and_answers_do_not_depend_on_the_chunk():
    look = replace(TABLES["1"].looks(SMALL)[1], images=3)
    assert (look.defence, look.attack) == ("dds", "pgd")
    looker = Looker(lambda line: None)
    together = looker.seen(look, range(3))
    for number in range(3):
        alone = looker.seen(look, range(number, number + 1))
        torch.testing.assert_close(alone.pictures.images[0], together.pictures.images[number], atol=1e-6, rtol=0)
        assert alone.labels[0] == together.labels[number]
    cut = looker.chunks(replace(look, images=45))
    assert [list(part) for part in cut] == [list(range(20)), list(range(20, 40)), list(range(40, 45))]


def test_a_row_of_a_look_with_everything():
    look = Look("vit_embedded", "digits", 2, attack="pgd", eps=8.0, explainers=("rollout",), reference=True, perturbed=True)
    row = Looker(lambda line: None).row(look)
    assert row["n"] == 2 and len(row["right"]) == 2 and row["real_sigma"] is None
    found = row["maps"]["rollout"]
    assert {"pixel_accuracy", "miou", "map", "s_faith", "topk", "cosine", "positive_auc", "negative_auc"} <= set(found)
    assert all(0 <= low <= value <= high <= 1 for value, low, high in (v for k, v in found.items() if k != "each"))
    assert found["each"] == pytest.approx([1000 * found["pixel_accuracy"][0]] * 2, abs=400) and 0.5 < found["s_faith"][0] < 1


def test_a_finished_table_measures_nothing_twice_and_another_setting_does(tmp_path):
    grid, console = replace(TABLES["9"], cells=lambda settings: TABLES["9"].cells(settings)[:2]), Console(file=io.StringIO())
    rows = Rows(tmp_path)
    looker = Looker(lambda line: None)
    name = tabling.measure([grid], SMALL, rows, looker, console)
    before = rows.path.read_bytes()
    assert tabling.measure([grid], SMALL, rows, looker, console) == name and rows.path.read_bytes() == before
    assert tabling.measure([grid], replace(SMALL, n=1), rows, looker, console) != name


def test_bad_input(capsys):
    assert main(["table", "11"]) == 2 and "table11" in capsys.readouterr().err
    assert main(["table", "1", "--preset", "papertext"]) == 2 and "paper-text" in capsys.readouterr().err
    assert main(["table", "1", "--n", "0"]) == 2 and "--n 0" in capsys.readouterr().err
    assert main(["table", "1", "--imagenet", "x"]) == 2 and "--world paper" in capsys.readouterr().err
    assert main(["table", "8", "--shard", "3/2"]) == 2 and "I/K is wanted" in capsys.readouterr().err


def test_a_plan_measures_nothing(capsys, tmp_path):
    assert main(["table", "all", "--dry-run", "--results", str(tmp_path)]) == 0
    assert "72000" in capsys.readouterr().out and not list(tmp_path.iterdir())


def test_the_report_of_a_folder_is_one_file_that_says_what_was_measured(tmp_path, capsys):
    rows = Rows(tmp_path)
    for number, grid in TABLES.items():
        head, *looks = synthetic(Settings(n=4), grid)
        if number == "1":
            rows.append(head | {"campaign": "c", "settings": head["settings"] | {"table": "looks"}})
        for row in looks:
            rows.append(row | {"campaign": "c"})
    for grid in TABLES.values():
        report.write(grid, tmp_path)
    assert main(["report", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "Under PGD 8/255 on the undefended network the ViT keeps 75.0%" in page and 'id="table-10"' in page
    assert "http" not in page.replace("http-equiv", "") and "data:image/png;base64," in page and page.count("<table>") > 20
    assert main(["report", str(tmp_path / "none")]) == 2 and "measure first" in capsys.readouterr().err


def test_two_runs_compared(tmp_path, capsys):
    """The second run loses one look's answers; more perturbation AUC is worse when the most relevant pixels go first."""
    grid = TABLES["2"]
    for name, change in (("a", {}), ("b", {"hits": 0, "n": 400}), ("c", {"positive": 0.9})):
        rows = Rows(tmp_path / name)
        head, *looks = synthetic(Settings(n=4), grid)
        rows.append(head | {"campaign": "c", "settings": head["settings"] | {"table": "looks"}})
        for row in looks:
            if "positive" in change:
                row["maps"]["vta"]["positive_auc"] = [0.9, 0.85, 0.95]
            rows.append(row | {"campaign": "c"} | ({k: v for k, v in change.items() if k != "positive"} if row is looks[0] else {}))
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "a")]) == 0
    assert "0 cells better, 0 worse, 40 within" in capsys.readouterr().out
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    assert "0 cells better, 1 worse, 39 within" in capsys.readouterr().out
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "c")]) == 1 and "0 cells better, 8 worse" in capsys.readouterr().out
    assert main(["compare", str(tmp_path / "c"), str(tmp_path / "a")]) == 0
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "none")]) == 2 and "measure first" in capsys.readouterr().err


def test_autoattack_through_the_defence_keeps_its_stages(monkeypatch):
    monkeypatch.setattr(attacked, "VARIANTS", {"autoattack_rand": replace(attacked.VARIANTS["autoattack_rand"], steps=2, samples=2)})
    row = Looker(lambda line: None).row(Look("vit_embedded", "digits", 2, attack="autoattack_rand", eps=8.0, defence="dds"))
    assert sum(row["stages"].values()) == row["n"] == 2 and set(row["stages"]) <= {"clean", "", "apgd-ce", "apgd-dlr"}
    right = row["one_draw"][0] * 2 * 10  # draws of two pictures
    assert right == pytest.approx(round(right), abs=1e-3) and row["warnings"] == []


def test_top_k_through_the_defence_moves_its_map_further_than_from_outside():
    """The attacker's draws are not the defence's; the labels stay."""
    kept = {}
    for attack in ("topk", "topk_dds"):
        look = Look("vit_embedded", "digits", 3, attack=attack, eps=8.0, defence="dds", explainers=("rollout",), reference=True)
        row = Looker(lambda line: None).row(look)
        assert row["right"] == "111"
        kept[attack] = row["maps"]["rollout"]["topk"][0]
    assert kept["topk_dds"] < kept["topk"]
