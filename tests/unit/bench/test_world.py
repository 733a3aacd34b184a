"""The embedded world's plan: its cells, its noise, its choice."""

import pytest

from bench.records.rows import Rows, latest
from bench.records.stats import wilson
from bench.studies.world import cells as plan
from bench.studies.world.cells import Cell
from bench.worlds.data import digits as embedded
from bench.worlds.world import NOISE
from runtime.provenance import ROOT


def test_no_cell_twice_and_every_demand_has_one():
    cells = plan.everything(500, plan.level(48))
    assert len({cell.key for cell in cells}) == len(cells) > 60
    asked = {(c.backbone, c.task, c.attack, c.defence) for c in cells}
    for backbone in plan.BACKBONES:
        for task in embedded.TASKS:
            assert {(backbone, task, attack, defence) for attack in plan.ATTACKS for defence in ("none", "dds")} <= asked
    assert all(cell.split == "test" for cell in cells) and all(cell.split == "val" for cell in plan.choice(500))
    assert {c.defence for c in cells if c.attack == "adaptive"} == {"noise", "denoiser", "dds"}


def test_the_curve_has_every_rules_noise_and_the_real_ones():
    noises = [level.sigma * 255 for level in plan.levels()]
    assert noises == sorted(noises) and noises[0] == pytest.approx(1.3, abs=0.05)
    for wanted in (2.4, 4.3, 5.1, 8.1, 12.2, 16.3, 20.4, 46.7, 88.4, 24.0, 32.1, 48.1, 64.2, 96.1):
        assert min(abs(noise - wanted) for noise in noises) < 0.35


@pytest.mark.parametrize(
    ("clean", "attacked", "wanted"),
    [
        ((0.9, 0.9, 0.9, 0.9, 0.9), (0.5, 0.6, 0.7, 0.6, 0.5), 32),
        ((0.9, 0.9, 0.5, 0.5, 0.5), (0.5, 0.6, 0.9, 0.9, 0.9), 24),  # beyond 24 too much clean accuracy is lost
        ((0.5, 0.6, 0.5, 0.5, 0.5), (0.5, 0.6, 0.9, 0.9, 0.9), 24),  # all lose too much: the least costly
    ],
)
def test_the_noise_is_the_best_one_that_costs_little(clean, attacked, wanted):
    cells = plan.choice(500)
    results = {cells[0].key: 0.93, cells[1].key: 0.0}
    for pair, c, a in zip(zip(cells[2::2], cells[3::2], strict=True), clean, attacked, strict=True):
        results |= {pair[0].key: c, pair[1].key: a}
    assert plan.chosen(results, 500) == plan.level(wanted)


def test_wilsons_interval_is_the_textbooks():
    assert wilson(81, 263) == pytest.approx((0.308, 0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, table I
    assert wilson(0, 20)[1] == 0.0 and wilson(20, 20)[2] == 1.0


def test_the_demos_noise_is_the_one_that_the_committed_run_chose():
    for path in (ROOT / "results").glob("embedded-*/world.md"):
        chosen = [row for row in latest(Rows(path.parent).read(), "world") if row["kind"] == "chosen"]
        assert plan.level(NOISE).t == chosen[-1]["t"]


def test_a_cell_knows_all_its_settings():
    a = Cell("vit_embedded", "digits", "test", 500, "pgd")
    assert a.key != plan.defended(a, plan.level(48)).key != plan.defended(a, plan.level(32)).key
