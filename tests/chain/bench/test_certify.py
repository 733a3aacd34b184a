"""`fvit certify`: rows, Cohen's columns, resuming, adaptive draws, the page from rows alone."""

import io

import pandas as pd
import pytest
from rich.console import Console

from bench.cli import main
from bench.records.rows import Rows
from bench.studies.certify import page as certified
from bench.studies.certify.measure import CAP, Certifier, Settings
from runtime.errors import FvitError


def certifier(folder, **options) -> Certifier:
    settings = Settings(
        **({"images": 2, "draws": 60, "selection": 10, "session": "eager", "explainer": "raw_attention:layer=-1"} | options)
    )
    return Certifier(Rows(folder), settings, Console(file=io.StringIO()))


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certified")
    rows = certifier(folder).all()
    certified.write(rows, folder)
    return folder, rows


def test_a_row_holds_what_was_measured_and_adds_up(measured):
    found = [row for row in measured[1] if row["kind"] == "certificate"]
    assert [row["idx"] for row in found] == [0, 1]
    for row in found:
        assert sum(row["selection"]) == 10 and sum(row["votes"]) == 60 == row["draws"]
        assert sum(row["mean"]) == pytest.approx(1, abs=1e-4) and len(row["cells"]) == 8
        assert sum(row["hits"]) == 60 * 16  # the top quarter of 64 cells in each draw
        assert max(row["mean"]) <= CAP / 64 + 1 / 64


def test_cohens_columns_are_read_as_his_scripts_do(measured):
    found = pd.read_csv(measured[0] / "certify.tsv", delimiter="\t")
    assert list(found.columns) == ["idx", "label", "predict", "radius", "correct", "time"]
    rows = [row for row in measured[1] if row["kind"] == "certificate"]
    assert found["correct"].tolist() == [int(row["label"] == row["predict"]) for row in rows]
    assert (found["radius"] <= [row["radius"] for row in rows]).all() and found["radius"].max() > 0.05
    assert pd.to_timedelta(found["time"]).dt.total_seconds().gt(0).all()
    ours = pd.read_csv(measured[0] / "certify_ours.tsv", delimiter="\t")
    assert len(ours) == 2 and ours["pixels_in"].between(0, 64).all()


def test_the_page_says_what_is_claimed_and_what_made_it(measured):
    page = (measured[0] / "certify.md").read_text()
    claim = ("With probability at least 1 - 0.001", "at least 4 stay among the top 8", "Abstained")
    for said in (*claim, "Algorithm 2 as printed", "Commit ", "seed 0"):
        assert said in page
    for picture in ("certified_accuracy.png", "certify_cells.png"):
        assert (measured[0] / picture).stat().st_size > 10_000


def test_started_again_it_measures_nothing_twice(measured):
    again = certifier(measured[0])
    again._certify = again._beyond = None  # would fail if called
    assert len(again.all()) == len(measured[1])


def test_adaptive_draws_stop_early_and_claim_what_was_asked(tmp_path):
    rows = certifier(tmp_path, images=1, draws=400, radius=0.1, k=4, beta=0.25, alpha=0.1).all()
    (row,) = [row for row in rows if row["kind"] == "certificate"]
    assert row["draws"] in (100, 150, 225, 338, 400)
    assert row["said"] is False or (row["radius"] == row["topk_radius"] == pytest.approx(0.1 * row_sigma(rows)))
    certified.write(rows, tmp_path)
    page = (tmp_path / "certify_adaptive.md").read_text()
    assert not (tmp_path / "certify.md").exists() and not (tmp_path / "certify_cells.png").exists()
    assert "Draws were added until" in page and "Algorithm 2 as printed" not in page and "| both |" in page


def row_sigma(rows) -> float:
    return next(row for row in rows if row["kind"] == "campaign")["settings"]["real_sigma"] / 255


def test_the_page_needs_rows(tmp_path, capsys):
    assert main(["certify", "--from-rows", "--results", str(tmp_path)]) == 2
    assert "measure first: fvit certify" in capsys.readouterr().err
    assert main(["certify", "--adaptive", "--from-rows", "--results", str(tmp_path)]) == 2
    assert "measure first: fvit certify --adaptive" in capsys.readouterr().err
    with pytest.raises(FvitError, match="no certificate yet"):
        certified.render([{"kind": "campaign", "settings": {"backbone": "b", "task": "t"}, "environment": {}}])
