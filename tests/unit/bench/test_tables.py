"""Tables of trials without a trial: every cell has one or a reason, rows alone make the page, what two tables need is measured once."""

from dataclasses import replace

import msgspec
import pytest
import torch

from bench.attacks import _budget
from bench.attacks._target import DefenceModel, classifier, draws
from bench.commands._options import GRIDS, PRESETS, TIMED
from bench.commands._table import failures
from bench.pages import published
from bench.protocols import OURS, Table
from bench.records.rows import Answered, Failed, Missing, Why
from bench.trials import page
from bench.trials.grid import Grid, at, higher_is_better, methods
from bench.trials.settings import Settings
from bench.trials.tally import ACCURACY, by_trial, tally
from bench.trials.trial import Trial, differing, merged
from bench.worlds.attack import Threat, names
from bench.worlds.presets import PRESETS as MADE
from helpers.tables import PRINTED, TABLES, synthetic
from runtime import plugins
from runtime.diffusion import denoise


@pytest.fixture(params=TABLES.values(), ids=list(TABLES))
def grid(request) -> Grid:
    return request.param


def test_every_cell_has_a_trial_or_a_reason_and_its_own_place(grid):
    cells = grid.cells(Settings())
    assert len({cell.place for cell in cells}) == len(cells) >= 16
    assert all((cell.trial is None) == (cell.missing is not None) and (cell.trial or cell.missing.reason) for cell in cells)
    assert all(cell.trial is None or cell.trial.images <= 200 for cell in cells)


def test_every_published_cell_has_a_place(grid):
    assert set(published.cells(grid.name)) <= {cell.printed for cell in grid.cells(Settings(preset="as-printed"))}


def test_names_on_the_command_line_are_the_tables_and_presets():
    assert tuple(PRINTED) == GRIDS and {*GRIDS, "world", "noise", "explainers", "fuses", "figure3", "claims"} <= set(TABLES)
    assert set(PRESETS) == set(MADE)
    assert isinstance(plugins.load("bench.tables", f"table{TIMED}").TABLE, Table)


def test_presets_make_the_noise_they_say():
    real = {name: 255 * preset.level().sigma for name, preset in MADE.items()}
    assert real["corrected"] == pytest.approx(64.2, abs=0.1) and real["paper-text"] == pytest.approx(8.1, abs=0.1)
    assert real["as-printed"] == pytest.approx(20.4, abs=0.1) and MADE["as-printed"].level().t == 45
    literal = MADE["as-printed"].level(rule=MADE["as-printed"].literal)
    assert (literal.t, literal.sigma) == (45, 8 / 255) and literal.believed == MADE["as-printed"].level().sigma
    assert MADE["released-code"].level().believed > 0.25  # about 80 of 255


def test_the_attack_s_steps_are_those_printed_for_the_data_set():
    rules = {name: [preset.rule_for(task) for task in ("imagenet", "coco", "cityscapes", "digits")] for name, preset in MADE.items()}
    assert rules["corrected"] == rules["paper-text"] == ["2/255"] * 4  # section 6.1
    assert rules["as-printed"] == rules["released-code"] == ["rho/5", "rho/5", "rho/125", "rho/5"]  # Appendix G
    assert (_budget.paper("linf", 8 / 255, "rho/125", 0).steps, _budget.paper("linf", 8 / 255, "rho/5", 0).steps) == (250, 10)


@pytest.mark.parametrize("number", ["1", "2", "5", "6", "7", "8"])
def test_tables_attack_each_data_set_by_its_own_steps(number):
    settings = Settings(n=4, preset="as-printed", world="paper", data=("cityscapes", "imagenet"))
    attacked = {(trial.task, trial.threat.step_rule) for trial in TABLES[number].trials(settings) if trial.threat}
    assert attacked and all(rule == ("rho/125" if task == "cityscapes" else "rho/5") for task, rule in attacked)


@pytest.mark.parametrize(("data", "steps"), [("cityscapes", "rho/5, rho/125 on cityscapes"), ("coco", "rho/5")])
def test_a_page_says_by_which_steps_its_data_was_attacked(data, steps):
    settings, grid = Settings(n=4, preset="as-printed", world="paper", data=(data,)), TABLES["2"]
    assert f"attack: steps of {steps} as printed" in page.render(grid, synthetic(settings, grid)).markdown


def test_the_page_from_known_rows(grid):
    settings = Settings(n=4)
    made = page.render(grid, synthetic(settings, grid))
    assert f"# {grid.heading}" in made.markdown and "preset `corrected`" in made.markdown
    assert all(cell["why"] in ("", Why.LEFT_OUT, Why.NOT_DEFINED) for cell in made.cells) and any(cell["ours"] for cell in made.cells)
    assert any(cell["paper"] is not None for cell in made.cells) == (grid.name in PRINTED and not grid.unread)
    assert grid.unread in made.markdown and ("digits for ImageNet" in made.markdown) == (grid.name in PRINTED and not grid.unread)
    assert max(len(line) for line in made.summary.splitlines() if line.startswith("|")) < 180  # prose wraps, a table does not
    assert all(len(plot) > 10_000 for plot in made.plots.values()) and bool(made.plots) == (grid.plot is not None)


def test_a_cell_and_its_paired_difference():
    grid = TABLES["10"]
    made = page.render(grid, synthetic(Settings(n=4), grid)).markdown
    assert "| PGD: vanilla | 0.750 [0.30, 0.95] |" in made and f"| PGD: {OURS} | 1.000 [0.51, 1.00] (paper 0.8723, +0.13) |" in made
    assert f"| 8/255 | accuracy | PGD: {OURS} | PGD: vanilla | +0.250 [+0.000, +0.750] | 4 | 1 | 1 |" in made
    assert "(paper 0.8085, +0.19)" in made
    assert "adaptive attacks run at 8/255 alone" in made and "keeps 75.0% [30.1%, 95.4%] of its answers right" in made


def test_a_metric_s_total_is_of_sums_and_its_paired_difference_of_pictures():
    values = TABLES["1"].values(synthetic(Settings(n=4), TABLES["1"]))
    numbers = {value.cell.metric: value.number.value for value in values if value.number and value.cell.method == "VTA"}
    assert numbers["pixel_accuracy"] == 0.5 and numbers["miou"] == pytest.approx((1 / 2 + 2 / 3) / 2) and numbers["map"] == 1.0


def test_what_was_not_measured_or_failed_says_so_and_counts():
    grid, settings = TABLES["9"], Settings(n=4)
    rows = synthetic(settings, grid)
    failed, absent = rows[2], rows[-1]
    reason = Missing(Why.FAILED, "the gradient is not finite")
    rows[2] = Failed(campaign="c", key=failed.key, missing=reason, again=True)
    values = grid.values(rows[:-1])
    whys = {value.cell.trial.key: value.value for value in values if value.number is None}
    assert whys[failed.key.partition("/")[0]] == reason
    assert whys[absent.key.partition("/")[0]].why == Why.NOT_MEASURED and sum(value.failed for value in values) == 2
    assert list(failures(grid, rows)) == [failed.key.partition("/")[0]]
    assert failures(grid, [*rows, failed]) == {}  # tried again later, by a command that gave its row another key
    gone = Missing(Why.NOT_HERE, "needs COCO")
    assert failures(grid, [*rows[:2], msgspec.structs.replace(rows[2], missing=gone), *rows[3:]]) == {}


def test_a_metric_that_only_some_pictures_have_is_not_measured_yet():
    grid, settings = TABLES["2"], Settings(n=4)
    rows = synthetic(settings, grid)
    whole = next(row for row in rows if isinstance(row, Answered) and "vta" in row.scores)
    more = {
        "key": f"{whole.key}-more",
        "numbers": [9],
        "labels": [0],
        "answers": [0],
        "votes": whole.votes and whole.votes[:1],
        "scores": {},
    }
    found = [
        value
        for value in grid.values([*rows, msgspec.structs.replace(whole, **more)])
        if value.cell.trial and value.cell.trial.key == whole.key.partition("/")[0]
    ]
    maps = [value for value in found if value.cell.metric != ACCURACY]
    assert maps and all(value.value.why == Why.NOT_MEASURED and "some of the 5 pictures" in value.value.reason for value in maps)


def test_a_trial_has_one_key_whatever_is_computed_of_its_maps_and_however_many_pictures_there_are():
    trial = Trial("vit_embedded", "digits", 4, threat=Threat(), maps=(("vta", "topk"),))
    assert trial.key == replace(trial, images=9, maps=()).key != replace(trial, threat=Threat(eps=4 / 255)).key
    assert differing(trial.base) == {"backbone": "vit_embedded", "task": "digits", "images": 0, "threat": {}}
    assert trial.twin.threat is None and trial.twin.explainers == ("vta",) and trial.twin.defence == trial.defence
    defended = replace(trial, defence=MADE["corrected"].defence(seed=3))
    assert (defended.twin.defence.seed, replace(defended, same_noise=True).twin.defence.seed) == (4, 3)
    assert replace(defended, same_noise=True).key != defended.key and not replace(defended, same_noise=True).twin.same_noise
    assert trial.part_key(range(4)) != replace(trial, maps=()).part_key(range(4)) != trial.part_key(range(4, 8))


def test_trials_that_do_the_same_are_measured_once_with_the_maps_of_both():
    trial = Trial("vit_embedded", "digits", 4, maps=(("vta", "miou"),))
    other = replace(trial, images=2, maps=(("rollout", "topk"), ("vta", "miou")))
    assert merged([trial, other]) == [replace(trial, maps=(("vta", "miou"), ("rollout", "topk")))]


def test_rows_of_a_trial_in_any_order_and_number_make_one_tally():
    def row(numbers, **scores):
        n = len(numbers)
        return Answered(
            campaign="c", key=f"t/{numbers[0]}-/{len(scores)}", trial={}, numbers=numbers, labels=[1] * n, answers=[1] * n,
            votes=[[1, 3]] * n, scores={"vta": {name: [[float(i)] for i in numbers] for name in scores}}, left_out=[("broken", "cut off")],
        )  # fmt: skip

    apart = tally([row([2, 3], topk=1), row([0, 1], topk=1), row([0, 1], cosine=1), row([2, 3], cosine=1)])
    together = tally([row([0, 1, 2, 3], topk=1, cosine=1)])
    assert apart.numbers == together.numbers == [0, 1, 2, 3] and apart.n == 4 and apart.left_out == (("broken", "cut off"),)
    for metric in ("topk", "cosine"):
        assert apart.interval(metric, "vta") == together.interval(metric, "vta") and apart.interval(metric, "vta").value == 1.5
    assert apart.interval("accuracy") == together.interval("accuracy") and apart.interval("one_draw").value == 0.75
    assert apart.interval("miou", "vta") is None and list(by_trial([row([0])])) == ["t"]


def test_long_adds_the_attacks_that_take_hours():
    grid = TABLES["10"]
    more = {trial.threat.attack for trial in grid.trials(Settings(long=True))} - {trial.threat.attack for trial in grid.trials(Settings())}
    screens = {"screen_through", "screen_known"}
    assert more - screens == {"autoattack_100", "autoattack_rand", "eot_pgd_20", "bpda_20", "eot_pgd_fixed"} and more | screens <= set(
        names()
    )
    assert {trial.images for trial in grid.trials(Settings(long=True)) if trial.threat.attack in more - screens} == {50}
    assert {trial.images for trial in grid.trials(Settings(long=True)) if trial.threat.attack in screens} == {200}


def test_every_defence_meets_attacks_that_know_it():
    settings, grid = Settings(n=4, long=True), TABLES["8"]
    values = grid.values(synthetic(settings, grid))
    assert len({value.cell.place for value in values}) == len(values)
    own = {value.cell.row: value for value in values if value.cell.family.startswith("screen") and value.number}
    assert {name for name in own if name.endswith("denoiser alone")} == {"screen, fresh noise: denoiser alone"}
    assert {value.cell.trial.asks for name, value in own.items() if "worst of 10" in name} == {10}
    text = page.render(grid, synthetic(settings, grid), drawn=False).markdown
    assert "| DDS | 100.0% [51.0%, 100.0%] | 100.0%" in text and "## Attacks that know the defence" in text
    assert "Under `screen` with fresh noise DDS keeps 100.0%" in text and "one draw of DDS 100.0%" in text
    assert "Attacks that know" not in page.render(grid, synthetic(Settings(n=4), grid), drawn=False).markdown


def test_explainers_and_attacks_that_were_asked_for_are_what_tables_show():
    settings = Settings(explainers=("rollout", "lrp:form=partial"), attacks=("fgsm", "square"))
    assert methods(settings) == {"rollout": "rollout", "lrp:form=partial": "lrp:form=partial"}
    values = TABLES["5"].cells(settings)
    assert {cell.column for cell in values} == {"no attack, fresh noise", "FGSM", "square", "top-k through DDS"}
    assert {cell.explainer for cell in values if cell.method not in ("ours", "same noise")} == {"rollout", "lrp:form=partial"}
    assert {cell.family for cell in TABLES["10"].cells(settings) if not cell.adaptive} == {"FGSM", "square"}


def test_a_row_behind_the_defence_is_not_said_to_have_none():
    cells = [cell for cell in TABLES["5"].cells(Settings(preset="as-printed")) if cell.column == "top-k through DDS" and cell.missing]
    said = {cell.method: cell.missing.reason for cell in cells}
    assert said["VTA"].endswith("this method has none")
    assert said["ours literal"] == said["same noise"] == "an attack through the defence is made for the first row of ours alone"


def test_a_number_is_found_by_what_it_is():
    values = TABLES["10"].values(synthetic(Settings(n=4), TABLES["10"]))
    assert at(values, family="PGD", method="vanilla", radius=8 / 255).number.value == 0.75
    assert at(values, family="PGD", method="nobody") is None
    assert higher_is_better("accuracy") and higher_is_better("negative_auc") and not higher_is_better("positive_auc")


def test_the_same_draws_at_every_step_or_fresh_ones():
    scores = classifier(torch.nn.Flatten())
    image = torch.full((1, 3, 4, 4), 0.5)
    for fixed in (True, False):
        of_step = draws(scores, DefenceModel(denoise.identity, 0.1, (4, 4), 4, 2, fixed), 0)
        first, second = (torch.stack([one(image, [0]) for one in of_step(step)]) for step in range(2))
        assert torch.equal(first, second) == fixed
