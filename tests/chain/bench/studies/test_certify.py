"""`fvit certify` on networks of a few blocks: rows, attacks, resuming, adaptive draws; the command once on the embedded world."""

from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

from bench.cli import main
from bench.records.campaign import How, head_of, select
from bench.records.rows import Beyond, Certified, Failed, Missing, Why
from bench.records.store import Store
from bench.studies.certify import page, radii
from bench.studies.certify.measure import Certifier, measure
from bench.studies.certify.settings import Ball, CertifySettings, Measured
from helpers.certify import SmallWorld, shorten
from runtime.chain import Draws
from runtime.errors import FvitError
from runtime.pictures import resize

QUIET = Console(quiet=True)
SETTINGS = CertifySettings(backbone="vit_small_test", images=2, draws=60, selection=10, k=2, alpha=0.05, session="eager", explainer="vta",
                           attacked=1)  # fmt: skip


FEW = [Ball("printed", "label", 1.0), Ball("printed", "map", 1.5), Ball("label", "label", 2.0), Ball("sound", "label", 2.0)]


@pytest.fixture(scope="module", autouse=True)
def short_attacks():
    """Four of the fifteen balls, two steps of the ten, 20 of the 100 draws: an attack costs as much as the draws of several pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "bench.studies.certify.measure.balls", lambda adaptive: [ball for ball in FEW if ball.radius == "sound" or not adaptive]
        )
        patch.setattr("bench.studies.certify.measure.VOTES", 20)
        shorten(patch)
        yield


def rows_of(folder, settings=SETTINGS, world=None, how=How()):
    store = Store(folder)
    name = measure(settings, world or SmallWorld(), store, QUIET, how)
    return select(store.read(), name)


def of(rows, kind):
    return [row for row in rows if isinstance(row, kind)]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certified")
    return folder, rows_of(folder)


def test_a_row_holds_what_was_measured_and_adds_up(measured):
    rows = of(measured[1], Certified)
    assert [row.picture for row in rows] == [0, 1] and not of(measured[1], Failed)
    for row in rows:
        assert sum(row.selection) == 10 and sum(row.votes) == 60 == row.draws and row.answer is None
        assert sum(row.mean) == pytest.approx(1, abs=1e-4) and len(row.mean) == len(row.squares) == len(row.hits) == 9
        assert sum(row.hits) == 60 * 2  # the top quarter of 9 cells in each draw
        assert all(square >= mean**2 - 1e-6 for mean, square in zip(row.mean, row.squares, strict=True))
    head = head_of(measured[1])
    facts = Measured.read(head.facts)
    assert (facts.grid, facts.cells) == (32, (3, 3)) and facts.sigma == pytest.approx(64 / 255, rel=0.02)
    assert CertifySettings.read(head.settings).k == 2


def test_the_draws_are_those_of_the_chain(measured):
    """Selection draws are the first, estimation draws the next ones; the map is of the class that the selection draws chose."""
    row = of(measured[1], Certified)[0]
    certifier = Certifier(SETTINGS, SmallWorld(), lambda line: None)
    images = certifier.world.pictures("digits", "test", [0], certifier.bench.backbone).images
    assert certifier._votes(images, 0, 0, 10).tolist() == row.selection
    assert certifier._votes(images, 0, 10, 60).tolist() == row.votes
    found = certifier.chain.certify(images, [0], Draws(60), 10, SETTINGS.alpha / 2)[0]
    ours = radii.label(row, SETTINGS, certifier.measured.sigma)
    assert (ours.label, ours.radius) == (found.label, pytest.approx(found.radius, rel=1e-6))


def test_pictures_with_the_right_label_are_attacked_within_and_beyond_their_radii(measured):
    rows, campaign = of(measured[1], Beyond), radii.read(measured[1])
    found = {one.row.picture: one for one in campaign.found}
    kinds = {kind: [one.row.picture for one in campaign.found if radii.reach(one, kind) > 0][:1] for kind in ("printed", "sound", "label")}
    assert kinds["label"] and kinds["printed"], "choose other seeds: no picture is certified"
    wanted = {(picture, str(ball)) for ball in FEW for picture in kinds[ball.radius]}
    assert {(row.picture, str(Ball(row.radius, row.target, row.factor))) for row in rows} == wanted and len(rows) == len(wanted)
    for row in rows:
        assert row.reach == pytest.approx(row.factor * radii.reach(found[row.picture], row.radius), rel=1e-5)
        assert 0 < row.distance <= row.reach * (1 + 1e-5) and row.label == 0
        assert sum(row.votes) == 20 and sum(row.mean) == pytest.approx(1, abs=1e-4) and len(row.squares) == 9


def test_the_draws_after_an_attack_are_fresh(measured, monkeypatch):
    """An attack that leaves the picture alone: the votes are of draws that neither chose nor bounded the label."""
    certifier = Certifier(SETTINGS, SmallWorld(), lambda line: None)
    monkeypatch.setattr("bench.worlds.attack.build", lambda *_: lambda images, labels, numbers: images)
    row = of(measured[1], Certified)[0]
    left = certifier.moved("c", row, Ball("label", "label"), 0.1, 40)
    grid = resize(certifier.world.pictures("digits", "test", [0], certifier.bench.backbone).images, (32, 32))
    assert left.votes == certifier._votes(grid, 0, SETTINGS.selection + SETTINGS.draws, 40).tolist() and left.distance == 0


def test_started_again_it_measures_nothing_twice(measured, monkeypatch):
    monkeypatch.setattr(Certifier, "certify", lambda *_: pytest.fail("certified twice"))
    monkeypatch.setattr(Certifier, "beyond", lambda *_: pytest.fail("attacked twice"))
    assert rows_of(measured[0]) == measured[1]


def test_the_page_from_the_rows(measured, monkeypatch):
    monkeypatch.setattr(page.plots, "all_of", lambda campaign: {})
    text = page.render(measured[1]).markdown
    assert "32 x 32 grid" in text and "d = 3072" in text and "With probability at least 1 - 0.05" in text


def test_adaptive_draws_stop_early_and_claim_what_was_asked(tmp_path):
    asked = replace(SETTINGS, images=1, draws=150, radius=0.1, beta=0.25, alpha=0.1)
    rows = rows_of(tmp_path, asked)
    (row,) = of(rows, Certified)
    assert row.draws in (100, 150) and row.answer in (True, False) and sum(row.votes) == row.draws and sum(row.hits) == 2 * row.draws
    found = radii.certificate(row, asked, Measured.read(head_of(rows).facts))
    reach = 0.1 * Measured.read(head_of(rows).facts).sigma if row.answer else 0.0
    assert found.label.radius == found.top.radius == pytest.approx(reach)
    assert head_of(rows).study == "certify-adaptive"


def test_a_picture_that_fails_leaves_its_reason_and_the_others_go_on(tmp_path):
    rows = rows_of(tmp_path, world=SmallWorld(broken=(0,)), settings=replace(SETTINGS, attacked=0))
    (failed,) = of(rows, Failed)
    assert failed.key == "picture 0" and failed.missing == Missing(Why.NOT_HERE, "p.png: cut off") and not failed.again
    assert [row.picture for row in of(rows, Certified)] == [1]


@pytest.mark.parametrize(("changes", "said"), [
    ({"k": 9}, "k 9 given; vta of vit_small_test has 9 cells"),
    ({"images": 2001}, "2001 pictures given; the test split of digits has 2000"),
    ({"session": "trt"}, "session trt cannot run here"),
])  # fmt: skip
def test_what_cannot_be_measured_is_refused_before_the_first_draw(tmp_path, changes, said):
    with pytest.raises(FvitError, match=said):
        rows_of(tmp_path, replace(SETTINGS, **changes))
    assert Store(tmp_path).read() == []


def test_the_command_measures_once_and_makes_the_page_again(tmp_path, capsys):
    words = [
        "certify",
        "--n",
        "1",
        "--draws",
        "20",
        "--selection",
        "10",
        "--sigma",
        "8",
        "--alpha",
        "0.5",
        "--session",
        "eager",
        "--attacked",
        "0",
    ]
    words += ["--explainer", "raw_attention:layer=-1", "--results", str(tmp_path)]
    assert main(words) == 0
    capsys.readouterr()
    (folder,) = tmp_path.iterdir()
    first = {file.name: file.read_bytes() for file in folder.iterdir() if file.name.startswith("certif")}
    assert {
        "certify.md",
        "certify.csv",
        "certify.tsv",
        "certify_ours.tsv",
        "certified_accuracy.png",
        "certify_cells.png",
        "certify_ranges.png",
    } == set(first)
    assert pd.read_csv(folder / "certify.tsv", delimiter="\t")["idx"].tolist() == [0]
    assert main(["certify", "--from-rows", "--results", str(tmp_path)]) == 0
    assert {file.name: file.read_bytes() for file in folder.iterdir() if file.name.startswith("certif")} == first
    assert "# Certificates: vit_embedded, `digits`, 1 test pictures" in capsys.readouterr().out


def test_a_failed_picture_makes_the_exit_code_1(tmp_path, monkeypatch):
    def broken(*_):
        raise FvitError("no memory")

    monkeypatch.setattr(Certifier, "certify", broken)
    monkeypatch.setattr("bench.worlds.world.open", lambda name, brought=None: SmallWorld())
    assert main(["certify", "--n", "1", "--k", "2", "--session", "eager", "--results", str(tmp_path)]) == 1
    (failed,) = of(Store(next(tmp_path.iterdir())).read(), Failed)
    assert failed.again and failed.missing.why == Why.FAILED


def test_the_page_needs_rows(tmp_path, capsys):
    assert main(["certify", "--from-rows", "--results", str(tmp_path)]) == 2
    assert "no rows of the study 'certify' here" in capsys.readouterr().err
    assert main(["certify", "--adaptive", "--from-rows", "--results", str(tmp_path)]) == 2
    assert "no rows of the study 'certify-adaptive' here" in capsys.readouterr().err
    assert main(["certify", "--radius", "0.2", "--results", str(tmp_path)]) == 2
    assert "--radius belongs to --adaptive" in capsys.readouterr().err
