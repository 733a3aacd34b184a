"""The figures of maps: their catalogue; panels from hand-made tiles; the panels of explain and demo."""

import io
import json

import pytest
import torch
from PIL import Image

from bench.commands._options import EMBEDDED
from bench.commands._options import FIGURES as NUMBERS
from bench.commands.figures import CURVES
from bench.protocols import OURS
from bench.studies.figures import maps, page, panel
from bench.studies.figures.catalogue import FIGURES, Choice
from bench.studies.figures.explain import ATTACKED, CLEAN, Explanation, Subject, arrays
from bench.studies.figures.maps import Outlined, PanelRow, Tile
from runtime.diffusion import schedule

CHOICE = Choice((2,), "corrected", 0)
HASHES = {"backbone": "a", "denoiser": "b"}


def size(drawn: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(drawn)) as picture:
        return picture.size


def test_the_ten_figures_are_there_and_differ():
    assert sorted([*FIGURES, CURVES], key=int) == list(NUMBERS) == [str(number) for number in range(1, 11)]
    assert len({repr(figure) for figure in FIGURES.values()}) == 9
    assert {figure.backbone for figure in FIGURES.values()} == set(EMBEDDED)
    assert all(0 in figure.radii and max(figure.radii) >= 8 for figure in FIGURES.values())


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
    assert {"commit", "cpu"} <= set(facts["environment"]) and facts["choice"] == {"pictures": [2], "preset": "corrected", "seed": 0}
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
