"""`fvit certify`: rows, Cohen's columns, resuming, adaptive draws, the page from rows alone."""

import io

import pandas as pd
import pytest
from rich.console import Console

from bench import certified
from bench.certifying import CAP, Certifier, Settings
from bench.cli import main
from bench.records import Rows
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
        assert sum(row["mean"]) == pytest.approx(1, abs=1e-4) and len(row["cells"]) == 16
        assert sum(row["hits"]) == 60 * 16  # the top quarter of 64 cells in each draw
        assert max(row["mean"]) <= CAP / 64 + 1 / 64


def test_cohens_columns_are_read_as_his_scripts_do(measured):
    found = pd.read_csv(measured[0] / "certify.tsv", delimiter="\t")
    assert list(found.columns) == ["idx", "label", "predict", "radius", "correct", "time"]
    assert found["correct"].isin([0, 1]).all() and (found["correct"] & (found["radius"] >= 0.05)).mean() <= 1
    assert pd.to_timedelta(found["time"]).dt.total_seconds().gt(0).all()
    ours = pd.read_csv(measured[0] / "certify_ours.tsv", delimiter="\t")
    assert len(ours) == 2 and (ours["linf_printed"] <= ours["linf"]).all()


def test_the_page_says_what_is_claimed_and_what_made_it(measured):
    page = (measured[0] / "certify.md").read_text()
    claim = ("With probability at least 1 - 0.001", "at least 8 stay among the top 16", "Abstained")
    for said in (*claim, "Algorithm 2 as printed", "Commit ", "seed 0"):
        assert said in page
    assert (measured[0] / "certified_accuracy.png").stat().st_size > 10_000


def test_started_again_it_measures_nothing_twice(measured):
    again = certifier(measured[0])
    again._certify = again._beyond = None  # would fail if called
    assert len(again.all()) == len(measured[1])


def test_adaptive_draws_stop_early_and_claim_what_was_asked(tmp_path):
    rows = certifier(tmp_path, images=1, draws=400, radius=0.1, k=4, beta=0.25, alpha=0.1).all()
    (row,) = [row for row in rows if row["kind"] == "certificate"]
    assert row["draws"] in (100, 150, 225, 338, 400) and row["said"] is not None
    assert row["radius"] == (pytest.approx(0.1 * 0.252, rel=0.02) if row["said"] else 0.0)
    assert "Draws were added until" in certified.render(rows)


def test_the_page_needs_rows(tmp_path, capsys):
    assert main(["certify", "--from-rows", "--results", str(tmp_path)]) == 2
    assert "measure first: fvit certify" in capsys.readouterr().err
    with pytest.raises(FvitError, match="no certificate yet"):
        certified.render([{"kind": "campaign", "settings": {"backbone": "b", "task": "t"}, "environment": {}}])
