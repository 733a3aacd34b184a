"""The table `world`: no noise is measured twice, every demand has a cell, the noise is the validation split's, the page is made from rows."""

import pytest

from bench.records.rows import Answered, Failed, Head, Machine, Missing, Why
from bench.records.stats import wilson
from bench.records.store import Store
from bench.tables import _world as cells
from bench.tables import world
from bench.trials.grid import STUDY
from bench.trials.page import render
from bench.trials.settings import Settings
from bench.trials.trial import Trial, differing
from bench.worlds.attack import Threat
from runtime.provenance import ROOT

SETTINGS = Settings(n=4)
ENVIRONMENT = {
    "cpu": "x", "cores": 2, "threads": 2, "memory_gib": 4, "gpu": None, "load_at_start": 0.0, "python": "3.12", "versions": {"torch": "2"},
}  # fmt: skip


def rows(shares=None, settings=SETTINGS, left_out=lambda trial: False):
    """A row per trial: of 100 pictures as many right as `shares` says of the trial (3 of 4 where it says nothing)."""
    found = [
        Head(
            campaign="c", key="head", study="trials", commit="1", settings=settings.facts(), weights={"vit": "trained"}, facts={"grid": 64}
        ),
        Machine(campaign="c", key="m", environment=ENVIRONMENT),
    ]
    for trial in world.TABLE.trials(settings):
        if not left_out(trial):
            found.append(answered(trial, round(100 * (shares or {}).get(trial.base, 0.75))))
    return found


def answered(trial: Trial, right: int) -> Answered:
    n, level = 100, trial.defence.level
    scores = {spec: {metric: [[50.0 + 10 * (spec != "random"), 100.0]] * n} for spec, metric in trial.maps}
    return Answered(
        campaign="c", key=trial.part_key(range(n)), trial=differing(trial.base), numbers=list(range(n)), labels=[1] * n,
        answers=[1] * right + [0] * (n - right), scores=scores, sigma=None if level is None else level.sigma, seconds=6.0,
    )  # fmt: skip


def trial(split="test", threat=None, kind="none", noise=64, backbone="vit_embedded", task="digits") -> Trial:
    return Trial(backbone, task, 0, split=split, threat=threat, defence=cells.defence(kind, cells.level(noise / 255)))


def test_nothing_is_measured_twice():
    trials = world.TABLE.trials(Settings(n=500))
    done = [(one.split, one.backbone, one.task, one.threat, one.defence.kind, one.defence.level and one.defence.level.t) for one in trials]
    assert len(set(done)) == len(done) == len({one.key for one in trials}) > 60


def test_every_network_task_attack_and_defence_has_a_cell():
    trials = world.TABLE.trials(Settings(n=500))
    done = {(one.backbone, one.task, one.threat, one.defence.kind) for one in trials if one.split == "test"}
    for backbone in SETTINGS.scene.backbones.values():
        for task in SETTINGS.scene.tasks:
            assert {(backbone, task, threat, kind) for threat in (None, Threat()) for kind in ("none", "dds")} <= done
    through = {(one.threat.attack, one.defence.kind) for one in trials if one.threat and one.threat.through}
    assert through == {("eot_pgd", "noise"), ("eot_pgd", "denoiser"), ("eot_pgd", "dds"), ("bpda", "denoiser"), ("bpda", "dds")}
    assert all(one.images == 100 for one in trials if one.threat and one.threat.through)
    assert {one.images for one in trials if one.split == "val"} == {200}


def test_the_curve_has_every_rules_noise_and_the_real_ones():
    noises = sorted(255 * sigma for sigma in world._curve(world.TABLE.values(rows()), None))
    assert noises[0] == pytest.approx(1.3, abs=0.05)
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
    shares = {trial("val").base: 0.93, trial("val", Threat()).base: 0.0}
    for noise, c, a in zip(cells.CHOICES, clean, attacked, strict=True):
        shares |= {trial("val", None, "dds", noise).base: c, trial("val", Threat(), "dds", noise).base: a}
    values = world.TABLE.values(rows(shares))
    assert world.chosen(values) == wanted
    assert f"chooses another noise, {wanted}/255" in world.the_defence(values)


def test_the_worlds_noise_is_the_one_that_a_committed_run_chose():
    for folder in (ROOT / "results").glob("embedded-*"):
        committed = Store(folder).read()
        if any(isinstance(row, Head) and row.study == STUDY for row in committed):
            noise = world.chosen(world.TABLE.values(world.TABLE.latest(committed)))
            assert noise is None or cells.level(noise / 255) == cells.own_noise(SETTINGS)


def test_a_choice_that_was_not_measured_is_none():
    values = world.TABLE.values(rows(left_out=lambda one: one.split == "val"))
    assert world.chosen(values) is None and world.says(values) is None
    assert "The choice on the validation split was not measured" in world.the_defence(values)


def test_the_page_says_everything():
    shares = {trial("val", Threat(), "dds", 64).base: 0.8, trial(threat=Threat()).base: 0.05, trial(kind="dds").base: 0.97}
    shares |= {trial(threat=Threat(), kind="dds").base: 0.76, trial().base: 0.99, trial(threat=Threat("eot_pgd"), kind="dds").base: 0.4}
    page = render(world.TABLE, rows(shares))
    text = page.markdown
    for title in ("The defence", "What it was built to show", "Real noise by rule and nominal sigma", "Maps above random"):
        assert f"## {title}" in text
    for group in (cells.BACKBONES, cells.CHOICE, cells.BY_RULE, cells.BY_NOISE, cells.ABLATION, cells.MAPS):
        assert f"### {group}" in text
    assert "real noise 64.2/255 (t = 145), majority of 10 draws. The validation split chooses this noise." in text
    told = "| clean, digits, ViT | >= 95% | 99.0% [{:.1%}, {:.1%}] | yes |".format(*wilson(99, 100)[1:])
    assert told in text and "| clean, pairs, ViT | >= 85% | 75.0%" in text and text.count("**no**") > 6
    assert "| clean accuracy that DDS costs, digits, ViT | <= 5 points | 2.0 | yes |" in text
    assert "| undefended under PGD, digits, ViT | <= 10% | 5.0%" in text and "| DDS under PGD, digits, ViT | >= 75% | 76.0%" in text
    assert "| `per-step` | 2.0 (no denoiser) | 5.1 | 20.4 | 46.7 | 88.4 |" in text
    assert "| `vta` | +10.0% [+10.0%, +10.0%] |" in text and "| `random` | +" not in text
    neither = next(line for line in text.splitlines() if line.startswith("| neither"))
    assert neither.count("0.050") == 2 and "not defined" in neither  # adaptive is PGD where there is no defence; no denoiser for BPDA
    assert "| both: DDS | 0.970 [0.92, 0.99]" in text and "0.400" in text
    assert page.plots["world.png"][:4] == b"\x89PNG" and 10_000 < len(page.plots["world.png"]) <= world.MOST
    assert len(page.cells) == len(world.TABLE.cells(SETTINGS))


def test_what_was_not_measured_is_said():
    text = render(world.TABLE, rows(left_out=lambda one: one.backbone == "swin_embedded")).markdown
    assert "| clean, digits, Swin | >= 95% | not measured | not measured |" in text
    assert "| clean accuracy that DDS costs, digits, Swin | <= 5 points | not measured | not measured |" in text


def test_what_failed_has_its_reason():
    swin = trial(backbone="swin_embedded", task="crowd")
    found = rows(left_out=lambda one: one.base == swin.base)
    found.append(Failed(campaign="c", key=f"{swin.key}/none", missing=Missing(Why.FAILED, "the disk is full"), again=True))
    text = render(world.TABLE, found).markdown
    assert "| clean, crowd, Swin | >= 85% | not measured | not measured |" in text and "failed: the disk is full" in text


def test_another_noise_than_the_worlds_own():
    settings = Settings(n=4, sigma=48 / 255)
    own = next(cell for cell in cells.cells(settings) if cell.group == cells.BACKBONES and cell.method == "dds")
    assert own.trial.defence.level == cells.level(settings.sigma)
