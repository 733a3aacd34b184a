"""`fvit figures` in this process: panels and curves from the networks, as small as they get."""

import csv
import json

import numpy as np
import pytest

from bench.cli import main
from bench.protocols import OURS
from bench.records.machine import folder_name
from bench.studies.figures.catalogue import FIGURES, Column, Panel
from bench.tables import figure3
from bench.worlds.data import digits

SMALL = ["--picture", "2", "--n", "2"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Figures 1, 2 and 3; Figure 1 with two of its methods."""
    folder, patch = tmp_path_factory.mktemp("figures"), pytest.MonkeyPatch()
    patch.setitem(FIGURES, "1", Panel("methods", (Column("rollout", explainer="rollout"), Column(OURS, "dds")), (0, 8)))
    for name, radii in (("RADII", (0, 8)), ("DELTAS", (8,)), ("ACCURACY_RADII", (0, 8))):
        patch.setattr(figure3, name, radii)
    for number in ("1", "2", "3"):
        assert main(["figures", number, *SMALL, "--results", str(folder)]) == 0
    yield folder
    patch.undo()


@pytest.fixture
def drawn(results):
    return results / f"embedded-{folder_name()}" / "figures"


def cells(path) -> list[dict]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_panel_of_methods(drawn):
    found = cells(drawn / "figure1.csv")
    assert len(found) == 2 * 2
    assert all(cell["explained"] == cell["given"] and 0 <= float(cell["inside"]) <= 1 for cell in found)
    assert {cell["votes"] == "" for cell in found if cell["defence"] == "none"} == {True}
    with np.load(drawn / "figure1.npz", allow_pickle=False) as arrays:
        clean, attacked = arrays["2/0/image"], arrays["2/8/image"]
        assert 0 < np.abs(attacked - clean).max() <= 8 / 255 + 1e-6
        assert all(np.isfinite(arrays[name]).all() for name in arrays) and arrays["2/8/rollout, answer"].shape == (8, 8)
    facts = json.loads((drawn / "figure1.json").read_text())
    assert {"backbone", "denoiser"} <= set(facts["weights"]) and {"commit", "cpu"} <= set(facts["environment"])
    assert facts["caption"] in (drawn / "figure1.md").read_text()


def test_two_classes_of_one_picture(drawn):
    batch, found = digits.batch("pairs", "test", [2]), cells(drawn / "figure2.csv")
    assert {cell["explained"] for cell in found} == {str(int(batch.labels[0])), str(int(batch.others[0]))} and len(found) == 2 * 4
    with np.load(drawn / "figure2.npz", allow_pickle=False) as arrays:
        assert np.abs(arrays[f"2/0/{OURS}, label"] - arrays[f"2/0/{OURS}, other"]).max() > 1e-3
        assert not (arrays["2/0/outline, label"] & arrays["2/0/outline, other"]).any()


def test_the_curves_and_again_from_their_rows(results, drawn, capsys):
    found, page = cells(drawn.parent / "figure3.csv"), (drawn.parent / "figure3.csv").read_bytes()
    assert len(found) == 2 * 7 * (2 + 4) + 3 * 2 and all(cell["n"] == "2" for cell in found)
    assert all(float(cell["low"]) <= float(cell["ours"]) <= float(cell["high"]) for cell in found)
    path = drawn.parent / "rows.jsonl"
    before = path.read_bytes()
    assert main(["figures", "3", *SMALL, "--results", str(results)]) == 0 and path.read_bytes() == before
    assert main(["figures", "all", "--from-rows", "--results", str(results)]) == 0 and (drawn.parent / "figure3.csv").read_bytes() == page
    assert main(["figures", "1", "--from-rows", "--results", str(results)]) == 2
    assert "figure 1 is a panel of maps, which has no rows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["11"], "unknown figure '11'; known: 1, 2, 3"),
        (["1", "--picture", "2000"], "digits test has the pictures 0 to 1999, 2000 given"),
        (["all", "--picture", "2,5000"], "digits test has the pictures 0 to 1999, 5000 given"),
        (["1", "--picture", "-1"], "digits test has the pictures 0 to 1999, -1 given"),
        (["1", "--picture", "x"], "--picture x: whole numbers with commas are expected"),
        (["3", "--n", "0"], "--n 0: a whole number from 1 to 1,000,000,000 is expected"),
        (["1", "--preset", "corect"], "unknown preset 'corect'"),
        (["3", "--from-rows"], "no rows of the study 'trials' here"),
    ],
)
def test_bad_input(tmp_path, capsys, arguments, said):
    assert main(["figures", "--results", str(tmp_path), *arguments]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1] and not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_one_line(results, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(FIGURES, "1", Panel("t", FIGURES["9"].columns[3:], (0,)))
    (tmp_path / f"embedded-{folder_name()}").write_text("a file where the folder should be")
    assert main(["figures", "1", "--picture", "2", "--results", str(tmp_path)]) == 2
    assert "cannot write to" in capsys.readouterr().err.splitlines()[-1]
