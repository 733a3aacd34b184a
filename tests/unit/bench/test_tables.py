"""The tables of looks without a look: every cell has one or a reason, rows alone make the page, what is kept on disk."""

import io

import pytest
import torch
from rich.console import Console

from bench.attacks._target import Defence, classifier, draws
from bench.commands._tables import PLOTS
from bench.options import PRESETS, TIMED
from bench.pages import published
from bench.protocols import OURS
from bench.records import cache as lookcache
from bench.records.rows import Rows
from bench.trials import campaign as tabling
from bench.trials import run as looks
from bench.trials.grid import Grid
from bench.trials.run import Looker
from bench.trials.scene import Settings
from bench.worlds.presets import PRESETS as MADE
from helpers.tables import TABLES, synthetic
from runtime import plugins
from runtime.diffusion import denoise, schedule
from runtime.errors import FvitError


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


@pytest.mark.parametrize("number", ["6", "8", "10"])
def test_a_plot_against_the_radius(number, tmp_path):
    grid = TABLES[number]
    PLOTS[int(number)](grid.render(synthetic(Settings(n=4), grid)).cells, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000


def test_long_adds_the_attacks_that_take_hours():
    grid = TABLES["10"]
    more = {look.attack for look in grid.looks(Settings(long=True))} - {look.attack for look in grid.looks(Settings())}
    assert more == {"autoattack_100", "autoattack_rand", "eot_pgd_20", "bpda_20", "eot_pgd_fixed"}
    assert {look.images for look in grid.looks(Settings(long=True)) if look.attack in more} == {50}


def test_the_same_draws_at_every_step_or_fresh_ones():
    scores = classifier(torch.nn.Flatten())
    image = torch.full((1, 3, 4, 4), 0.5)
    for fixed in (True, False):
        of_step = draws(scores, Defence(denoise.identity, 0.1, (4, 4), 4, 2, fixed), 0)
        first, second = (torch.stack([one(image, [0]) for one in of_step(step)]) for step in range(2))
        assert torch.equal(first, second) == fixed


def test_the_loop_stopped_five_times_ends_with_the_same_rows(tmp_path):
    """In the middle of a look, at the first and at the last, twice at the same, a line half written each time; no look is taken twice."""
    looker, ended = Looker(lambda line: None), {}

    for name, left in (("undisturbed", []), ("stopped", [0, 2, 2, 9, 15])):
        path, taken = Rows(tmp_path / name).path, []

        def row(look, progress, path=path, taken=taken, left=left):
            kept = [row["key"] for row in Rows(path.parent).read() if row["kind"] == "look"]
            assert kept == taken  # on the disk before the next begins
            if left and len(kept) == left[0]:
                left.pop(0)
                with path.open("a") as file:
                    file.write('{"kind": "look", "cut')
                raise KeyboardInterrupt
            taken.append(look.key)
            return looks.facts(look) | {"n": 2, "right": "10"}

        looker.row = row
        for _ in range(len(left)):
            with pytest.raises(KeyboardInterrupt):
                tabling.measure([TABLES["9"]], Settings(n=2), Rows(tmp_path / name), looker, Console(file=io.StringIO()))
        tabling.measure([TABLES["9"]], Settings(n=2), Rows(tmp_path / name), looker, Console(file=io.StringIO()))
        found = Rows(tmp_path / name).read()
        ended[name] = [{k: v for k, v in row.items() if k not in ("campaign", "process")} for row in found if row["kind"] == "look"]
        assert not left and [row["kind"] for row in found].count("campaign") == 1
    assert ended["stopped"] == ended["undisturbed"] and len(ended["stopped"]) == 16
