"""`fvit figures`: every figure is drawn from its parameters; the numbers behind it and what made them lie beside it."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from bench.cli import main
from bench.protocols import OURS
from bench.records import cache as lookcache
from bench.studies.figures.catalogue import FIGURES, Curves, Panel
from bench.trials import campaign as tabling
from bench.worlds.data import digits as embedded


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Figures 1, 2 and 3, as small as they get."""
    folder, patch = tmp_path_factory.mktemp("figures"), pytest.MonkeyPatch()
    patch.setattr(lookcache, "cache", lambda: folder / "cache")
    patch.setitem(FIGURES, "3", Curves("curves", radii=(0, 8), sigmas=(32,)))
    for number in ("1", "2", "3"):
        assert main(["figures", number, "--picture", "2", "--n", "2", "--results", str(folder)]) == 0
    yield folder
    patch.undo()


@pytest.fixture
def drawn(results):
    return tabling.folder(results) / "figures"


def rows(path) -> list[dict]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("number", ["1", "2", "3"])
def test_what_lies_beside_each(drawn, number):
    path = drawn / f"figure{number}.png"
    with Image.open(path) as picture:
        assert picture.width <= 1600 and path.stat().st_size < 150_000
    facts = json.loads(path.with_suffix(".json").read_text())
    assert {"commit", "cpu"} <= set(facts["environment"]) and {"backbone", "denoiser"} <= set(facts["weights"])
    assert facts["asked"] == {"pictures": [2], "n": 2, "preset": "corrected", "seed": 0}
    for word in ("Embedded world", "Preset corrected", "real noise 64.2/255", "PGD l_inf", "Seed 0", "our choice", "n = "):
        assert word in facts["caption"] and word in path.with_suffix(".md").read_text()


def test_a_panel_of_methods(drawn):
    found = rows(drawn / "figure1.csv")
    assert len(found) == 2 * 6 and {row["column"] for row in found} >= {"raw attention", "LRP", OURS}
    assert all(row["explained"] == row["given"] and 0 <= float(row["inside"]) <= 1 for row in found)
    assert {row["votes"] == "" for row in found if row["defence"] == "none"} == {True}
    with np.load(drawn / "figure1.npz", allow_pickle=False) as arrays:
        clean, attacked = arrays["2/0/image"], arrays["2/8/image"]
        assert 0 < np.abs(attacked - clean).max() <= 8 / 255 + 1e-6
        assert all(np.isfinite(arrays[name]).all() for name in arrays) and arrays["2/8/VTA, answer"].shape == (8, 8)


def test_two_classes_of_one_picture(drawn):
    batch, found = embedded.batch("pairs", "test", [2]), rows(drawn / "figure2.csv")
    assert {row["explained"] for row in found} == {str(int(batch.labels[0])), str(int(batch.others[0]))} and len(found) == 2 * 4
    with np.load(drawn / "figure2.npz", allow_pickle=False) as arrays:
        assert np.abs(arrays[f"2/0/{OURS}, label"] - arrays[f"2/0/{OURS}, other"]).max() > 1e-3
        assert not (arrays["2/0/outline, label"] & arrays["2/0/outline, other"]).any()


def test_the_curves(drawn):
    found = rows(drawn / "figure3.csv")
    assert len(found) == 2 * 2 * 2 + 3 and all(row["n"] == "2" for row in found)
    assert all(float(row["low"]) <= float(row["value"]) <= float(row["high"]) for row in found)
    assert {row["real_sigma_255"] for row in found if row["against"] == "sigma"} != {""}


def test_the_report_shows_them(drawn, capsys):
    assert main(["report", str(drawn.parent)]) == 0
    page = (drawn.parent / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3 and 'id="figure-2"' in page and "real noise 64.2/255" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["11"], "unknown figure '11'; known: 1, 2, 3"),
        (["1", "--picture", "2000"], "digits test has the pictures 0 to 1999, 2000 came"),
        (["all", "--picture", "2,5000"], "digits test has the pictures 0 to 1999, 5000 came"),
        (["1", "--picture", "-1"], "digits test has the pictures 0 to 1999, -1 came"),
        (["1", "--picture", "x"], "--picture x: whole numbers with commas are wanted"),
        (["3", "--n", "0"], "--n 0: a number above 0 is wanted"),
        (["1", "--preset", "corect"], "unknown preset 'corect'"),
    ],
)
def test_bad_input(tmp_path, capsys, arguments, said):
    assert main(["figures", "--results", str(tmp_path), *arguments]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1] and not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_one_line(results, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(FIGURES, "1", Panel("t", FIGURES["9"].columns[3:], (0,)))
    (tmp_path / tabling.folder(tmp_path).name).write_text("a file where the folder should be")
    assert main(["figures", "1", "--picture", "2", "--results", str(tmp_path)]) == 2
    assert "choose another --results" in capsys.readouterr().err.splitlines()[-1]
