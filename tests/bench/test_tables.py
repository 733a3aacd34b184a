"""The tables of looks: every cell has a look or a reason, rows alone make the page, a killed run ends with the same rows as an undisturbed one."""

import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest
import torch
from rich.console import Console

from bench.attacks._target import Defence, classifier, draws
from bench.cli import main
from bench.commands import _tables as report
from bench.commands._tables import PLOTS
from bench.options import GRIDS, PRESETS, TIMED
from bench.pages import published
from bench.protocols import OURS
from bench.records import cache as lookcache
from bench.records.rows import Rows
from bench.trials import campaign as tabling
from bench.trials.grid import Grid
from bench.trials.run import Look, Looker
from bench.trials.scene import Settings
from bench.worlds import attack as attacked
from bench.worlds.presets import PRESETS as MADE
from runtime import plugins
from runtime.diffusion import denoise, schedule
from runtime.errors import FvitError
from runtime.provenance import ROOT

SMALL = Settings(n=2)
TABLES = {number: plugins.load("bench.tables", f"table{number}").TABLE for number in GRIDS}


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    """Looks are kept apart from the user's; exported networks are not."""
    monkeypatch.setattr(lookcache, "cache", lambda: tmp_path_factory.getbasetemp() / "cache")


@pytest.fixture(params=TABLES.values(), ids=list(TABLES))
def grid(request) -> Grid:
    return request.param


def test_every_cell_has_a_look_or_a_reason_and_its_own_place(grid):
    cells = grid.cells(Settings())
    assert len({cell.place for cell in cells}) == len(cells) >= 16
    assert all((cell.look is None) == (cell.word != "measured") and (cell.look or cell.reason) for cell in cells)
    assert all(cell.look is None or cell.look.images <= 200 for cell in cells)


def test_every_published_cell_has_a_place(grid):
    assert set(published.cells(grid.number)) <= {cell.place for cell in grid.cells(Settings())}


def test_a_published_file_with_another_header_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    (tmp_path / "table9.csv").write_text("line,column,value\n")
    with pytest.raises(FvitError, match=r"table9\.csv has the columns line"):
        published.cells(9)


def test_names_on_the_command_line_are_the_tables_and_presets():
    assert all(isinstance(table, Grid) and str(table.number) == number for number, table in TABLES.items()) and len(TABLES) == 9
    assert not isinstance(plugins.load("bench.tables", f"table{TIMED}").TABLE, Grid)
    assert set(PRESETS) == set(MADE)


def test_presets_make_the_noise_they_say():
    process = schedule.linear()
    real = {name: 255 * preset.level(process).sigma for name, preset in MADE.items()}
    assert real["corrected"] == pytest.approx(64.2, abs=0.1) and real["paper-text"] == pytest.approx(8.1, abs=0.1)
    assert real["paper-table3"] == pytest.approx(20.4, abs=0.1) and MADE["paper-table3"].level(process).t == 45
    assert MADE["released-code"].level(process).believed > 0.25  # about 80 of 255


def synthetic(settings: Settings, grid: Grid) -> list[dict]:
    """Rows of every look: 3 of 4 right undefended, all right behind DDS; each map value 0.5 [0.25, 0.75]."""
    environment = {"commit": "c", "cpu": "x", "cores": 2, "versions": {"torch": "2", "timm": "1"}}
    facts = {"n": settings.n, "preset": settings.preset, "seed": settings.seed}
    head = {"settings": facts, "environment": environment, "weights": {"denoiser": "trained"}, "grid": 64, "notes": []}
    rows: list[dict] = [{"kind": "campaign"} | head]
    metrics = ("pixel_accuracy", "miou", "map", "s_faith", "topk", "positive_auc", "negative_auc")
    for look in grid.looks(settings):
        right = "1110" if look.defence == "none" else "1111"
        maps = {name: {metric: [0.5, 0.25, 0.75] for metric in metrics} | {"each": [500] * 4} for name in look.explainers}
        rows.append(
            {
                "kind": "look",
                "key": look.key,
                "n": 4,
                "hits": right.count("1"),
                "right": right,
                "real_sigma": 64.2,
                "one_draw": [0.5, 0.25, 0.75],
                "maps": maps,
                "look": asdict(look),
            }
        )
    return rows


def test_the_page_from_known_rows(grid):
    settings = Settings(n=4)
    rendered = grid.render(synthetic(settings, grid))
    assert f"# Table {grid.number}: " in rendered.markdown and "preset `corrected`" in rendered.markdown
    assert all(cell["word"] in ("measured", "left out") for cell in rendered.cells)
    assert "bench/tables/published" in rendered.markdown or any(cell["paper"] is not None for cell in rendered.cells)
    assert max(len(line) for line in rendered.summary.splitlines() if line.startswith("|")) < 160  # prose wraps, a table does not


def test_a_cell_and_its_paired_difference():
    grid = TABLES["10"]
    page = grid.render(synthetic(Settings(n=4), grid)).markdown
    assert "| PGD: vanilla | 0.750 [0.30, 0.95] |" in page and f"| PGD: {OURS} | 1.000 [0.51, 1.00] |" in page
    assert f"| 8/255 | PGD: {OURS} | PGD: vanilla | +0.250 [+0.000, +0.750] | 1 |" in page
    assert "adaptive attacks run at 8/255 alone" in page


def test_what_was_not_measured_or_failed_says_so():
    grid, settings = TABLES["9"], Settings(n=4)
    rows = synthetic(settings, grid)
    rows[1] = {"kind": "look", "key": rows[1]["key"], "error": "the gradient is not finite"}
    cells = grid.render(rows[:-1]).cells
    assert [cell["word"] for cell in cells].count("not measured") == 2
    assert any(cell["reason"] == "the gradient is not finite" for cell in cells)


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


def test_a_damaged_file_of_the_cache_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(lookcache, "cache", lambda: tmp_path)
    made = []

    def make():
        made.append(1)
        return {"x": torch.ones(2).numpy()}

    assert lookcache.recall({"a": 1}, make)["x"].tolist() == lookcache.recall({"a": 1}, make)["x"].tolist() and len(made) == 1
    (file,) = tmp_path.rglob("*.npz")
    file.write_bytes(file.read_bytes()[:50])
    assert lookcache.recall({"a": 1}, make)["x"].tolist() == [1, 1] and len(made) == 2
    monkeypatch.setattr(lookcache, "MOST", 0)
    lookcache.recall({"a": 2}, make)
    assert not list(tmp_path.rglob("*.npz"))


def test_a_cache_that_cannot_be_written_is_one_error_line(tmp_path, monkeypatch):
    (tmp_path / "looks").write_text("a file where the folder should be")
    monkeypatch.setattr(lookcache, "cache", lambda: tmp_path)
    with pytest.raises(FvitError, match=r"cannot keep looks in .*set FVIT_LOOKS"):
        lookcache.recall({"a": 1}, lambda: {"x": torch.ones(2).numpy()})


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


def test_killed_five_times_it_ends_with_the_same_rows(tmp_path):
    """kill -9, each time after some rows more; the look cache is fresh for both runs."""
    looks = {}
    for name, kills in (("undisturbed", 0), ("killed", 5)):
        environment = os.environ | {"FVIT_LOOKS": str(tmp_path / f"cache-{name}")}
        command = [sys.executable, "-m", "bench", "table", "9", "--n", "2", "--results", str(tmp_path / name)]
        for kill in range(kills):
            running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while _rows(tmp_path / name) < 1 + 2 * kill and running.poll() is None:
                time.sleep(0.02)
            running.send_signal(signal.SIGKILL)
            running.wait()
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        (folder,) = (tmp_path / name).iterdir()
        found = [row for row in Rows(folder).read() if row["kind"] == "look"]
        looks[name] = sorted(
            ({k: v for k, v in row.items() if k not in ("campaign", "process")} for row in found), key=lambda row: row["key"]
        )
    assert looks["killed"] == looks["undisturbed"] and len(looks["killed"]) == 16


def _rows(results) -> int:
    return sum(path.read_text().count("\n") for path in results.glob("*/rows.jsonl"))


@pytest.mark.parametrize("number", ["6", "8", "10"])
def test_a_plot_against_the_radius(number, tmp_path):
    grid = TABLES[number]
    PLOTS[int(number)](grid.render(synthetic(Settings(n=4), grid)).cells, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000


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


def test_long_adds_the_attacks_that_take_hours():
    grid = TABLES["10"]
    more = {look.attack for look in grid.looks(Settings(long=True))} - {look.attack for look in grid.looks(Settings())}
    assert more == {"autoattack_100", "autoattack_rand", "eot_pgd_20", "bpda_20", "eot_pgd_fixed"}
    assert {look.images for look in grid.looks(Settings(long=True)) if look.attack in more} == {50}


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


def test_the_same_draws_at_every_step_or_fresh_ones():
    scores = classifier(torch.nn.Flatten())
    image = torch.full((1, 3, 4, 4), 0.5)
    for fixed in (True, False):
        of_step = draws(scores, Defence(denoise.identity, 0.1, (4, 4), 4, 2, fixed), 0)
        first, second = (torch.stack([one(image, [0]) for one in of_step(step)]) for step in range(2))
        assert torch.equal(first, second) == fixed
