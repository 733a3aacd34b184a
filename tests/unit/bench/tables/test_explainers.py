"""The table of explainers from known rows: what it times, its sentence, and joules that cannot be read."""

import msgspec
import pytest

from bench.records.energy import EnergyMeter
from bench.records.rows import Costed, Missing, Why
from bench.tables import explainers
from bench.trials import cost, page
from bench.trials.grid import at, higher_is_better, title
from bench.trials.settings import Settings
from helpers.tables import synthetic

GRID, SETTINGS = explainers.TABLE, Settings(n=4)


def test_every_explainer_is_timed_alone_and_behind_the_defence():
    questions = GRID.costs(SETTINGS)
    specs = {spec for _, spec in questions}
    assert len(questions) == 2 * len(specs) == len({cost.key(one) for one in questions}) and "lrp:dtype=float64" in specs
    assert specs >= {"raw_attention", "rollout", "gradcam", "vta", "grad_rollout", "attribution_rollout", "input_gradient", "random"}
    assert {trial.defence.kind for trial, _ in questions} == {"none", "dds"} and all(trial.threat is None for trial, _ in questions)
    assert all(metric not in cost.TITLES for trial in GRID.trials(SETTINGS) for _, metric in trial.maps)
    assert title("seconds") == "ms per picture" and not higher_is_better("joules")


def test_the_time_of_a_picture_is_the_median_round_by_its_pictures():
    """Rounds of 10 to 60 ms for two pictures."""
    values = GRID.values(synthetic(SETTINGS, GRID))
    assert at(values, row="VTA + DDS", metric="seconds").number == pytest.approx((17.5, 5.0, 30.0))
    assert at(values, row="VTA", metric="joules").number == pytest.approx((0.0175, 0.005, 0.03))
    made = page.render(GRID, synthetic(SETTINGS, GRID))
    assert "VTA 1.00 to 1.00 (18 to 18 ms)" in made.markdown and "aerdelez/re-fvit" in made.markdown and "22,914" in made.markdown
    assert "| under PGD l_inf 8/255 V_8 | topk | VTA + DDS | VTA |" in made.markdown


def test_joules_that_no_counter_gives_say_so():
    rows = [msgspec.structs.replace(row, joules=None, why="none") if isinstance(row, Costed) else row for row in synthetic(SETTINGS, GRID)]
    values = [value for value in GRID.values(rows) if value.cell.metric == "joules"]
    assert values and all(value.value == Missing(Why.NOT_HERE, "none") for value in values)
    without = [row for row in rows if not isinstance(row, Costed)]
    assert {value.value.why for value in GRID.values(without) if value.cell.metric in cost.TITLES} == {Why.NOT_MEASURED}


def test_packages_are_added_up_and_a_counter_may_begin_again(tmp_path):
    def zone(name, energy, most=1_000_000):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "energy_uj").write_text(f"{energy}\n")
        (tmp_path / name / "max_energy_range_uj").write_text(f"{most}\n")

    assert "no energy counters in" in EnergyMeter(tmp_path).why
    for name, energy in (("intel-rapl:0", 100), ("intel-rapl:1", 900_000), ("intel-rapl:0:0", 5)):
        zone(name, energy)
    meter = EnergyMeter(tmp_path)
    before = meter.read()
    assert meter.why == "" and before == [100, 900_000]
    zone("intel-rapl:0", 300_100)
    zone("intel-rapl:1", 50_000)
    assert meter.spent(before) == pytest.approx(0.3 + 0.15)
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    assert "cannot be read (No such file or directory)" in EnergyMeter(tmp_path).why
