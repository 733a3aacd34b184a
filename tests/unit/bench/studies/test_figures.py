"""The figures: their catalogue; Figure 3 from hand-made rows; panels of maps from hand-made tiles; the panels of explain and demo."""

import io
import json

import pytest
import torch
from PIL import Image

from bench.commands._options import EMBEDDED
from bench.protocols import OURS
from bench.records.rows import Answered, Failed, Head, Machine, Missing, Why
from bench.records.store import plain
from bench.studies.figures import maps, page, panel
from bench.studies.figures.catalogue import FIGURES, Choice, Curves
from bench.studies.figures.explain import ATTACKED, CLEAN, Explanation, Subject, arrays
from bench.studies.figures.maps import Outlined, PanelRow, Tile
from bench.studies.figures.measure import CurveSetting, spots
from bench.trials.trial import differing
from runtime.diffusion import schedule

CHOICE = Choice((2,), 4, "corrected", 0)
SETTING = CurveSetting(Curves("curves", radii=(0, 8), sigmas=(32, 64)), CHOICE)
HASHES = {"backbone": "a", "denoiser": "b"}


def size(drawn: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(drawn)) as picture:
        return picture.size


def test_the_ten_figures_are_there_and_differ():
    assert list(FIGURES) == [str(number) for number in range(1, 11)]
    assert len({repr(figure) for figure in FIGURES.values()}) == 10
    assert {figure.backbone for figure in FIGURES.values()} == set(EMBEDDED)
    assert all(0 in figure.radii and max(figure.radii) >= 8 for figure in FIGURES.values())


def rows():
    """One row per trial of the curves, all metrics in it; 3 of 4 pictures right."""
    from dataclasses import asdict

    facts = plain(asdict(SETTING) | {"given": {}})  # as it comes back from disk: lists for tuples
    found = [Head(campaign="c", key="head", study="figures", commit="1", settings=facts, facts={"fingerprints": HASHES})]
    found.append(Machine(campaign="c", key="m", environment={"cpu": "x", "commit": "1"}))
    for trial in {spot.trial: spot.trial for spot in spots(SETTING)}.values():
        level = trial.defence.level
        scores = {metric: [[0.5], [0.25], [0.75], [0.5]] for metric in ("positive_auc", "negative_auc", "s_faith", "topk")}
        found.append(
            Answered(
                campaign="c", key=trial.part_key(range(4)), trial=differing(trial.base), numbers=[0, 1, 2, 3], labels=[1, 1, 1, 1],
                answers=[1, 1, 1, 0], scores={"vta": scores}, sigma=None if level is None else level.sigma,
            )
        )  # fmt: skip
    return found


def test_the_curves_from_rows():
    drawn = page.render("3", rows())
    assert len(drawn.cells) == 2 * 2 * 2 + 2 * 3
    assert all(cell["low"] <= cell["value"] <= cell["high"] and cell["n"] == 4 for cell in drawn.cells)
    assert {cell["value"] for cell in drawn.cells} == {0.5, 0.75}
    assert {round(cell["real_sigma_255"]) for cell in drawn.cells if cell["against"] == "sigma"} == {32, 64}
    assert {cell["real_sigma_255"] for cell in drawn.cells if cell["method"] == "VTA"} == {""}
    assert {cell["radius_255"] for cell in drawn.cells if cell["against"] == "radius"} == {0, 8}
    facts = json.loads(drawn.plots["figure3.json"])
    assert facts["weights"] == HASHES and facts["environment"]["cpu"] == "x" and facts["choice"]["n"] == 4
    for word in (
        "Embedded world",
        "Preset corrected",
        "real noise 64.2/255",
        "PGD l_inf",
        "Seed 0",
        "our choice",
        "n = 4 test pictures per point",
    ):
        assert word in facts["caption"] and word in drawn.markdown
    assert size(drawn.plots["figure3.png"])[0] <= 1600 and len(drawn.plots["figure3.png"]) < page.MOST


def test_trials_that_are_the_same_are_measured_once():
    """Ours under PGD 8/255 at the preset's own noise stands in all three panels."""
    bases = [spot.trial.base for spot in spots(SETTING)]
    assert len(bases) == 6 and len(set(bases)) == 5


def test_what_curves_lack_is_said():
    found = rows()
    missing = Missing(Why.FAILED, "the disk is full")
    found[-1] = Failed(campaign="c", key=found[-1].key, missing=missing, again=True)
    text = page.render("3", found).markdown
    assert "failed: the disk is full" in text and "not measured: 1 of 6 points" in text
    assert "not measured: 6 of 6 points" in page.render("3", found[:2]).markdown


def test_a_long_caption_makes_the_figure_taller():
    points = page.points(SETTING, rows())
    short, long = (page.draw(points, text).get_size_inches() for text in ("short", "long " * 200))
    assert long[1] > short[1] and long[0] == short[0] <= 16


def panel_rows(number):
    figure = FIGURES[number]
    top, bottom = (torch.zeros(64, 64, dtype=torch.bool) for _ in range(2))
    top[:32], bottom[32:] = True, True
    picture = Outlined(2, {"label": 4, "other": 7}, {"answer": top, "label": top, "other": bottom})
    relevance = torch.zeros(8, 8)
    relevance[:4] = 1.0
    votes = torch.tensor([0, 0, 0, 1, 9, 0, 0, 0, 0, 0])
    tiles = [
        Tile(column, relevance, {"answer": 4, "label": 4, "other": 7}[column.of], 4, votes if column.defence == "dds" else None)
        for column in figure.columns
    ]
    return [PanelRow(picture, radius, torch.rand(3, 64, 64), tiles) for radius in figure.radii]


@pytest.mark.parametrize("number", ["1", "2"])
def test_a_panel_and_what_lies_beside_it(number):
    shown = panel_rows(number)
    drawn = page.panel(number, FIGURES[number], CHOICE, shown, HASHES)
    assert set(drawn.plots) == {f"figure{number}.{kind}" for kind in ("png", "json", "npz")}
    assert len(drawn.plots[f"figure{number}.png"]) < page.MOST and size(drawn.plots[f"figure{number}.png"])[0] <= 1600
    facts = json.loads(drawn.plots[f"figure{number}.json"])
    assert {"commit", "cpu"} <= set(facts["environment"]) and facts["choice"] == {"pictures": [2], "n": 4, "preset": "corrected", "seed": 0}
    assert ("a map the explained one" if number == "2" else "the label given, which an attack may change") in facts["caption"]


def test_what_a_panels_cells_say():
    cells = maps.cells(panel_rows("2"))
    assert len(cells) == 2 * 4 and {cell["explained"] for cell in cells} == {4, 7}
    assert {cell["votes"] for cell in cells if cell["defence"] == "none"} == {""} and 9 in {cell["votes"] for cell in cells}
    inside = {cell["explained"]: cell["inside"] for cell in cells}
    assert inside[4] > 0.9 and inside[7] < 0.1
    assert {cell["column"] for cell in maps.cells(panel_rows("1"))} >= {"raw attention", "LRP", OURS}


def explanation(state, answer, voted, fuses=("mean",), mask=None):
    scores, votes = torch.zeros(10), torch.zeros(10, dtype=torch.int64)
    scores[answer], votes[voted], votes[9] = 5.0, 7, 3
    subject = Subject("digits 2", torch.rand(1, 3, 64, 64), 2, 6, mask)
    plain = {("rollout", number): torch.rand(8, 8) for number in (6, 3)}
    dds = {("rollout", number, fuse): torch.rand(8, 8) for number in (6, 3) for fuse in fuses}
    level = schedule.level(schedule.linear(), 64 / 255, "cumulative")
    classes = tuple("0123456789")
    return Explanation(subject, state, torch.rand(3, 64, 64), torch.rand(3, 64, 64), scores, votes, classes, plain, dds, {}, level)


def test_the_demos_sentences_come_from_what_was_measured():
    clean, attacked = explanation(CLEAN, 6, 6), explanation(ATTACKED, 3, 6)
    said = panel.sentences(clean, attacked)
    assert said.startswith("The picture's class is 6; undefended, the ViT says 6, and 3 after PGD")
    assert "at real noise 64/255 it says 6 (7 of 10 draws) of the picture as it is and 6 (7 of 10 draws) of the attacked one" in said
    assert len(said.split(". ")) == 3
    assert size(panel.demo(clean, attacked)) == (1300, 460)


def test_a_panel_of_explanations():
    fuses = ("mean", "median")
    shown = [explanation(CLEAN, 6, 6, fuses, torch.ones(64, 64)), explanation(ATTACKED, 3, 6, fuses, torch.ones(64, 64))]
    drawn = panel.draw(shown)
    assert drawn[:8] == b"\x89PNG\r\n\x1a\n" and len(drawn) < panel.MOST and size(drawn)[0] > size(drawn)[1]
    names = set(arrays(shown))
    assert "digits_2/attacked/dds/rollout/3/median" in names and "digits_2/as_it_is/plain/rollout/6" in names
    assert len(names) == 2 * (4 + 2 + 4)
