"""`fvit check` on networks of a few blocks: rows, resuming, the page again, and what is refused before a draw."""

from dataclasses import replace

import pytest
from rich.console import Console

from bench.cli import main
from bench.records.rows import Beyond, Certified
from bench.records.store import Store
from bench.studies.certify.check import measure
from bench.studies.certify.settings import CheckSettings
from helpers.certify import SmallWorld, shorten
from runtime.errors import FvitError

SMALL = ["check", "--n", "1", "--draws", "40", "--k", "2", "--radius", "0.5", "--session", "eager"]


def test_the_command_measures_once_and_makes_the_page_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("bench.worlds.world.open", lambda name, brought=None: SmallWorld())
    shorten(monkeypatch)
    words = [*SMALL, "--results", str(tmp_path)]
    assert main(words) == 0
    (folder,) = tmp_path.iterdir()
    rows = Store(folder).read()
    (before,), moved = ([row for row in rows if isinstance(row, kind)] for kind in (Certified, Beyond))
    assert [(row.radius, row.target, row.factor) for row in moved] == [("given", "label", 1.0), ("given", "map", 1.0)]
    for row in moved:
        assert 0 < row.distance <= row.reach * (1 + 1e-5) and sum(row.votes) == 40 == before.draws and len(row.mean) == 9
    first = (folder / "check.md").read_text()
    assert "# Definition 4.2, tried" in first and "R = 0.5 sigma" in first
    assert main(words) == 0 and Store(folder).read() == rows
    assert main(["check", "--from-rows", "--results", str(tmp_path)]) == 0 and (folder / "check.md").read_text() == first
    assert (folder / "check.csv").is_file() and "not broken by this attack" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "said"), [
    (["--radius", "0"], "--radius 0: a number above 0 is expected"),
    (["--beta", "1"], "--beta 1: a number between 0 and 1 is expected"),
    (["--gamma", "0"], "--gamma 0: a number above 0 is expected"),
    (["--orders", "1,2"], "--orders 1,2: numbers above 1 with commas are expected"),
    (["--from-rows"], "no rows of the study 'check' here"),
])  # fmt: skip
def test_what_is_refused(tmp_path, capsys, words, said):
    assert main(["check", *words, "--results", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_more_cells_than_there_are(tmp_path):
    settings = replace(CheckSettings(), backbone="vit_small_test", images=1, session="eager", k=9)
    with pytest.raises(FvitError, match="k 9 given; vta of vit_small_test has 9 cells, fewer are expected"):
        measure(settings, SmallWorld(), Store(tmp_path), Console(quiet=True))
    assert Store(tmp_path).read() == []
