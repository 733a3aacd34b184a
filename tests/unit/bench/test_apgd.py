"""Auto-PGD equals the authors' recorded runs, and the exact answer where there is one."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.attacks import apgd
from bench.attacks._ascent import Aim
from bench.attacks._budget import Budget, paper
from bench.attacks._target import classifier
from helpers.models import vit
from helpers.oracle import arrays
from helpers.small import rng
from runtime.errors import FvitError
from runtime.maps.hooks import unfused

CASES = (
    "Linf_eps_0.007843_iter_10_ce_seed_0",
    "Linf_eps_0.000980_iter_20_ce_seed_3",
    "L2_eps_0.300000_iter_10_ce_seed_0",
    "Linf_eps_0.007843_iter_10_dlr_seed_0",
)
LOSS = {"ce": 1e-3, "dlr": 1e-2}
WEIGHT = torch.randn(3, 8, 8, generator=rng(5), dtype=torch.float64)
GREY = torch.full((2, 3, 8, 8), 0.5, dtype=torch.float64)
FIRST = torch.zeros(2, dtype=torch.int64)
HELD = torch.tensor([9.0, 0.0, 0.0])
LINF = Budget("linf", eps=0.03, step=1.0, steps=10, random_start=True, seed=0)
ROUND = Budget("l2", eps=0.5, step=1.0, steps=30, random_start=True, seed=0)


def linear(images, pictures):
    """Three classes; the first one's loss rises along WEIGHT wherever the picture is."""
    score = (images * WEIGHT.to(images)).sum((1, 2, 3))
    return torch.stack([-score, score, torch.zeros_like(score) - 9], 1)


@pytest.fixture(scope="module")
def saved():
    return arrays("apgd/vit_s64.npz")


@pytest.fixture(scope="module")
def scores():
    """Unfused attention, as recorded: rounding alone turns signs, and moves the highest loss by up to 1%."""
    model = vit("vit_s64").model
    with unfused(model):
        yield classifier(model)


def recorded(case: str):
    """(budget, loss) of an oracle's case; l_inf lengths were whole parts of 1020 before six digits of them were written."""
    norm, _, eps, _, steps, loss, _, _ = case.split("_")
    length = float(eps) if norm == "L2" else round(float(eps) * 1020) / 1020
    return Budget(norm.lower(), length, 1.0, int(steps), random_start=False, seed=0), loss


def climbed(saved, scores, case, start=None):
    """Our run on the first pictures, as many as there are starts; without any, on all pictures from themselves."""
    budget, loss = recorded(case)
    images = torch.from_numpy(saved["u8"].astype(np.float32) / 255)[: len(saved["u8"]) if start is None else len(start)]
    labels = torch.from_numpy(saved["label"]).long()[: len(images)]
    if start is not None:
        t = torch.from_numpy(start)
        size = t.abs().amax((1, 2, 3), keepdim=True) if budget.norm == "linf" else torch.linalg.vector_norm(t, dim=(1, 2, 3), keepdim=True)
        start = (images + budget.eps * t / (size + 1e-12)).clamp(0, 1)
    aim = Aim("apgd", labels, range(len(images)), apgd.LOSSES[loss])
    return apgd.climb(aim, lambda step: [scores], budget, images, images if start is None else start)


def agree(found, wanted, norm):
    if norm == "l2":
        torch.testing.assert_close(found, wanted, atol=1e-3, rtol=0)
    else:
        assert ((found - wanted).abs() > 1e-6).float().mean() <= 0.02


@pytest.mark.parametrize("case", CASES)
def test_the_authors_runs_from_the_picture_itself(saved, scores, case):
    found, (budget, loss) = climbed(saved, scores, case), recorded(case)
    assert torch.equal(~found.fooled, torch.from_numpy(saved[f"{case}/clean_start_acc"]))
    torch.testing.assert_close(found.loss, torch.from_numpy(saved[f"{case}/clean_start_loss_best"]), rtol=LOSS[loss], atol=0)
    if f"{case}/clean_start_x_best" in saved:  # the whole collection alone
        agree(found.best, torch.from_numpy(saved[f"{case}/clean_start_x_best"]), budget.norm)


@pytest.mark.parametrize("case", CASES)
def test_the_authors_runs_from_their_starts(saved, scores, case):
    if f"{case}/start_noise_t" not in saved:
        pytest.skip(f"the start of {case} is not in the shipped cut; set FVIT_ORACLES to the whole collection")
    start, (budget, loss) = saved[f"{case}/start_noise_t"], recorded(case)
    found, rows = climbed(saved, scores, case, start), slice(len(start))
    assert torch.equal(~found.fooled, torch.from_numpy(saved[f"{case}/acc"])[rows])
    torch.testing.assert_close(found.loss, torch.from_numpy(saved[f"{case}/loss_best"])[rows], rtol=LOSS[loss], atol=0)
    agree(found.best, torch.from_numpy(saved[f"{case}/x_best"]), budget.norm)
    if f"{case}/x_best_adv" in saved:  # the whole collection alone
        agree(found.last, torch.from_numpy(saved[f"{case}/x_best_adv"]), budget.norm)


def test_no_recorded_case_is_left_out(saved):
    assert {key.partition("/")[0] for key in saved if "/" in key} == set(CASES)


@pytest.mark.parametrize("loss", LOSS)
def test_the_exact_optimum_of_a_linear_classifier(loss):
    """DLR stops rising at 2 where the first class comes last; both losses rise along WEIGHT before."""
    attack = apgd.auto_pgd("apgd", lambda step: [linear], LINF, loss)
    torch.testing.assert_close(attack(GREY, FIRST, [0, 1]), GREY + 0.03 * WEIGHT.sign(), atol=1e-9, rtol=0)
    found = apgd.auto_pgd("apgd", lambda step: [linear], ROUND, "ce")(GREY, FIRST, [0, 1])
    torch.testing.assert_close(found, GREY + 0.5 * WEIGHT / WEIGHT.norm(), atol=1e-3, rtol=0)


def test_the_last_point_that_fooled_is_given_and_else_the_highest_loss():
    """A classifier that is wrong in a thin shell alone: the highest loss lies beyond it, and is classified rightly."""
    visited = []

    def shell(images, pictures):
        visited.append(images.detach())
        away = (images - 0.5).abs().mean((1, 2, 3))
        wrong = 2.0 * ((away > 0.001) & (away < 0.025)).to(images)
        return linear(images, pictures) * 0.1 + torch.stack([9 - 9 * wrong, wrong * 0, wrong * 0], 1)

    found = apgd.auto_pgd("apgd", lambda step: [shell], LINF, "ce")(GREY[:1], FIRST[:1], [0])
    fooled = [points for points in tuple(visited) if shell(points, [0]).argmax(1).all()]
    assert fooled and torch.equal(found, fooled[-1])
    sure = apgd.climb(Aim("apgd", FIRST, [0, 1]), lambda step: [lambda x, n: linear(x, n) * 1e-3 + HELD], LINF, GREY, GREY)
    assert not sure.fooled.any() and torch.equal(sure.last, GREY)
    torch.testing.assert_close(sure.best, GREY + 0.03 * WEIGHT.sign(), atol=1e-9, rtol=0)


def test_several_classifiers_a_step_are_averaged():
    half, twice = (lambda x, n: linear(x, n) * 0), (lambda x, n: linear(x, n) * 2)
    aim = Aim("apgd", FIRST, [0, 1])
    seen = apgd.look(aim, lambda step: [half, twice], 0, GREY)
    apart = [apgd.look(aim, lambda step, one=one: [one], 0, GREY) for one in (half, twice)]
    torch.testing.assert_close(seen.gradient, (apart[0].gradient + apart[1].gradient) / 2)
    torch.testing.assert_close(seen.loss, (apart[0].loss + apart[1].loss) / 2)
    asked = []
    apgd.auto_pgd("apgd", lambda step: asked.append(step) or [linear], replace(LINF, steps=5), "ce")(GREY, FIRST, [0, 1])
    assert asked == [0, 1, 2, 3, 4, 5]


def test_checkpoints():
    assert apgd.checkpoints(100) == {22: 22, 41: 19, 57: 16, 70: 13, 80: 10, 87: 7, 93: 6, 99: 6}  # Croce and Hein 2020, section 3
    assert apgd.checkpoints(10) == {2: 2, **dict.fromkeys(range(3, 11), 1)} and apgd.checkpoints(1) == {1: 1}


def test_dlr_knows_no_shift_and_no_scale():
    logits = torch.tensor([[1.0, 4.0, 2.0, 0.0], [4.0, 1.0, 2.0, 0.0]], dtype=torch.float64)
    expected = torch.tensor([(4 - 1) / (4 - 1), (2 - 4) / (4 - 1)], dtype=torch.float64)
    for made in (logits, 7 * logits + 100):
        torch.testing.assert_close(apgd.dlr(made, FIRST), expected)
    with pytest.raises(FvitError, match="2 classes given; choose the loss ce"):
        apgd.dlr(logits[:, :2], FIRST)


def test_an_unknown_loss_is_refused():
    with pytest.raises(FvitError, match="unknown loss 'hinge'; known: ce, dlr"):
        apgd.auto_pgd("apgd", lambda step: [linear], LINF, "hinge")


def test_the_papers_step_rules():
    made = {rule: paper("linf", 8 / 255, rule, seed=3) for rule in ("2/255", "rho/5", "rho/125")}
    lengths = {rule: (budget.step * 255, budget.steps) for rule, budget in made.items()}
    assert lengths == {"2/255": (pytest.approx(2), 10), "rho/5": (pytest.approx(1.6), 10), "rho/125": (pytest.approx(0.064), 250)}
    assert all(budget.seed == 3 and budget.random_start and math.isclose(budget.eps, 8 / 255) for budget in made.values())
    with pytest.raises(FvitError, match="unknown step rule 'rho/7'; known: 2/255, rho/5, rho/125"):
        paper("linf", 8 / 255, "rho/7", seed=0)
