"""Attacks equal torchattacks and foolbox, and the exact answer where there is one; starts and draws are the attacker's own.

Targeted attacks are not offered, so the oracles' targeted case is left out.
"""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bench.attacks import bpda, eot_pgd, fgsm, pgd
from bench.attacks._budget import Budget
from bench.attacks._target import DefenceModel, Target, classifier, draw
from helpers.models import vit
from helpers.oracle import arrays, need
from helpers.small import rng, small_backbone, small_denoiser
from runtime.diffusion import denoise
from runtime.errors import FvitError
from runtime.noise import DrawNoise

CASES = {
    "vit_s64": (
        "torchattacks_fgsm/eps_0.007843",
        "torchattacks_fgsm/eps_0.031373",
        "torchattacks_pgd_linf/eps_0.031373_alpha_0.007843_steps_1",
        "torchattacks_pgd_linf/eps_0.031373_alpha_0.007843_steps_5",
        "torchattacks_pgd_linf/eps_0.031373_alpha_0.007843_steps_10",
        "torchattacks_pgd_linf/eps_0.015686_alpha_0.003922_steps_10",
        "torchattacks_pgd_l2/eps_1.000000_alpha_0.200000_steps_1",
        "torchattacks_pgd_l2/eps_1.000000_alpha_0.200000_steps_5",
        "torchattacks_pgd_l2/eps_1.000000_alpha_0.200000_steps_10",
        "torchattacks_pgd_l2/eps_0.500000_alpha_0.100000_steps_20",
        "foolbox_fgsm/eps_0.007843",
        "foolbox_pgd_linf/eps_0.031373_relstep_0.25_steps_5",
        "foolbox_pgd_linf/eps_0.015686_relstep_0.1_steps_10",
        "foolbox_pgd_l2/eps_1.000000_relstep_0.2_steps_5",
        "foolbox_pgd_l2/eps_0.500000_relstep_0.1_steps_10",
    ),
    "vit_t224": (
        "torchattacks_fgsm/eps_0.031373",
        "torchattacks_pgd_linf/eps_0.031373_alpha_0.007843_steps_5",
        "torchattacks_pgd_l2/eps_1.000000_alpha_0.200000_steps_5",
    ),
}
STEPWISE = Budget("linf", eps=0.03, step=0.01, steps=3, random_start=False, seed=0)
ROUND = Budget("l2", eps=0.5, step=0.2, steps=3, random_start=False, seed=0)
SIGMA = 0.1


def recorded(case: str):
    """(build, budget) of an oracle's case; l_inf lengths were whole parts of 255 before six digits of them were written."""
    attack, _, text = case.partition("/")
    fields = text.split("_")
    facts = {name: float(value) for name, value in zip(fields[::2], fields[1::2], strict=True)}
    norm = "l2" if attack.endswith("l2") else "linf"
    eps, alpha = (value if norm == "l2" else round(255 * value) / 255 for value in (facts["eps"], facts.get("alpha", facts["eps"])))
    step = facts["relstep"] * eps if "relstep" in facts else alpha
    budget = Budget(norm, eps, step, int(facts.get("steps", 1)), random_start=False, seed=0)
    return (fgsm if "fgsm" in attack else pgd).build, budget


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in CASES.items() for case in cases])
def test_the_public_attacks(name, case):
    saved, facts = arrays(f"attacks/{name}.npz"), json.loads(need(f"attacks/{name}.json").read_text())["cases"][case]
    images, labels = torch.from_numpy(saved["u8"].astype(np.float32) / 255), torch.from_numpy(saved["label"]).long()
    model, (build, budget) = vit(name).model, recorded(case)
    found = build(Target(classifier(model)), budget)(images, labels, range(len(images)))
    wanted = torch.from_numpy(saved[case])
    if budget.norm == "l2":
        torch.testing.assert_close(found, wanted, atol=1e-5 if budget.steps < 12 else 1e-4, rtol=0)
    else:
        assert ((found - wanted).abs() > 1e-6).float().mean() <= (0.001 if budget.steps == 1 else 0.02)
    with torch.no_grad():
        torch.testing.assert_close(
            F.cross_entropy(model(found), labels, reduction="none"), torch.tensor(facts["ce_per_sample"]), atol=0, rtol=0.01
        )


@pytest.mark.parametrize("name", CASES)
def test_no_recorded_case_is_left_out(name):
    known = json.loads(need(f"attacks/{name}.json").read_text())["cases"]
    assert {case for case in known if "targeted" not in case} == set(CASES[name])


def linear(images, pictures):
    """Two classes; the gradient of the first one's loss points along WEIGHT wherever the picture is."""
    score = (images * WEIGHT.to(images)).sum((1, 2, 3))
    return torch.stack([-score, score], 1)


WEIGHT = torch.randn(3, 8, 8, generator=rng(5), dtype=torch.float64)
GREY = torch.full((2, 3, 8, 8), 0.5, dtype=torch.float64)
FIRST = torch.zeros(2, dtype=torch.int64)


def test_the_exact_optimum_of_a_linear_classifier():
    exact = GREY + 0.03 * WEIGHT.sign()
    for attack in (fgsm.build(Target(linear), STEPWISE), pgd.build(Target(linear), replace(STEPWISE, steps=5))):
        torch.testing.assert_close(attack(GREY, FIRST, [0, 1]), exact)
    exact = GREY + 0.5 * WEIGHT / WEIGHT.norm()
    for attack in (fgsm.build(Target(linear), ROUND), pgd.build(Target(linear), replace(ROUND, steps=5))):
        torch.testing.assert_close(attack(GREY, FIRST, [0, 1]), exact)


def test_a_step_is_as_long_as_asked():
    torch.testing.assert_close(pgd.build(Target(linear), replace(STEPWISE, steps=1))(GREY, FIRST, [0, 1]), GREY + 0.01 * WEIGHT.sign())
    length = (pgd.build(Target(linear), replace(ROUND, steps=2))(GREY, FIRST, [0, 1]) - GREY).flatten(1).norm(dim=1)
    torch.testing.assert_close(length, torch.full((2,), 0.4, dtype=torch.float64))


@pytest.mark.parametrize("budget", [STEPWISE, ROUND], ids=["linf", "l2"])
def test_fgsm_reads_the_norm_and_eps_alone(defended, budget):
    target, images, labels = defended
    other = replace(budget, step=0.5, steps=7, random_start=True, seed=9)
    assert torch.equal(fgsm.build(target, other)(images, labels, [0, 1]), fgsm.build(target, budget)(images, labels, [0, 1]))


@pytest.mark.parametrize("budget", [STEPWISE, ROUND], ids=["linf", "l2"])
@pytest.mark.parametrize("random_start", [False, True])
def test_the_exact_optimum_from_any_start(budget, random_start):
    """Far more steps than the ball is wide: l_inf reaches the corner exactly, l2 the pole."""
    many = replace(budget, steps=200, random_start=random_start)
    direction = WEIGHT.sign() if budget.norm == "linf" else WEIGHT / WEIGHT.norm()
    torch.testing.assert_close(pgd.build(Target(linear), many)(GREY, FIRST, [0, 1]), GREY + budget.eps * direction, atol=1e-6, rtol=0)


def test_a_gradient_whose_squares_underflow_gives_a_whole_step():
    """Margins of 0 to 80 leave gradients of 1 to 1e-35; in float32 the squares of most are 0, and dividing by their sum overflows."""

    def sure(images, pictures):
        return linear(images, pictures) - torch.tensor([[0.0, number] for number in pictures])

    margins = [0, 20, 45, 50, 60, 80]
    grey = torch.full((len(margins), 3, 8, 8), 0.5)
    found = pgd.build(Target(sure), replace(ROUND, steps=1))(grey, torch.zeros(len(margins), dtype=torch.int64), margins)
    torch.testing.assert_close(found, grey + (0.2 * WEIGHT / WEIGHT.norm()).float(), atol=1e-6, rtol=0)


def flat(images, pictures):
    """No gradient at all: what an attack returns is where it started."""
    return torch.stack([images.sum((1, 2, 3))] * 2, 1)


def starts(norm, numbers, seed=0, side=8, eps=0.25):
    grey = torch.full((len(numbers), 3, side, side), 0.5)
    budget = Budget(norm, eps, 0.1, 1, random_start=True, seed=seed)
    return pgd.build(Target(flat), budget)(grey, torch.zeros(len(numbers), dtype=torch.int64), numbers) - grey


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_start_is_bit_identical_in_any_company(norm):
    together = starts(norm, range(9), side=61)
    for number in range(9):
        assert torch.equal(starts(norm, [number], side=61)[0], together[number])
    assert torch.equal(starts(norm, [5, 2, 8], side=61), together[[5, 2, 8]])


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_classifier_sees_nothing_outside_the_pixels_range(norm):
    def watched(images, pictures):
        assert images.min() >= 0 and images.max() <= 1
        return linear(images, pictures)

    pgd.build(Target(watched), Budget(norm, 0.3, 0.2, 3, random_start=True, seed=0))(torch.zeros_like(GREY), FIRST, [0, 1])


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_seed_and_picture_choose_the_start(norm):
    assert not torch.equal(starts(norm, [0]), starts(norm, [1])) and not torch.equal(starts(norm, [0]), starts(norm, [0], seed=1))


def test_a_start_is_uniform_in_the_cube():
    found = starts("linf", range(300)).flatten() / 0.25
    histogram = torch.histc(found, bins=20, min=-1, max=1) / len(found)
    torch.testing.assert_close(histogram, torch.full((20,), 0.05), atol=0.003, rtol=0)
    assert found.abs().max() <= 1 + 1e-6


def test_a_start_is_uniform_in_the_ball():
    """P(|x| <= r) = r^d, and no direction is preferred; d is 12 here."""
    found = starts("l2", range(4000), side=2).flatten(1) / 0.25
    radius = found.norm(dim=1)
    for r in (0.8, 0.9, 0.95, 0.99):
        assert (radius <= r).float().mean().item() == pytest.approx(r**12, abs=0.03)
    assert radius.max() <= 1 + 1e-6 and found.mean(0).abs().max() < 0.02
    torch.testing.assert_close(found.T @ found / len(found), torch.eye(12) / 14, atol=0.01, rtol=0)  # E x x^T = I / (d + 2)


def test_the_noise_is_fresh_for_each_step_and_sample_and_never_the_defences():
    seen = []

    def spy(noisy, sigma, noise):
        seen.append((noisy - GREY) / sigma)
        return noisy

    eot_pgd.build(Target(flat, DefenceModel(spy, SIGMA, (8, 8), 8, samples=4)), ROUND)(GREY, FIRST, [3, 4])
    drawn = torch.stack(seen).flatten(2)  # (steps * samples, B, d); a flat classifier never moves the picture
    assert drawn.shape == (12, 2, 192) and abs(drawn.std() - 1) < 0.05
    defence = [DrawNoise(ROUND.seed, [3, 4], [i, i]).normal(GREY).double().flatten(1) for i in range(50)]
    everything = torch.cat([drawn.flatten(0, 1), *defence])
    assert (torch.corrcoef(everything) - torch.eye(len(everything), dtype=torch.float64)).abs().max() < 0.5


@pytest.fixture(scope="module")
def defended():
    """A small ViT behind a small UNet, in float64, with its pictures and labels."""
    model, denoiser = small_backbone().model.double(), small_denoiser()
    one_shot = denoise.one_shot(denoiser.model.double(), denoiser.schedule)
    images = 0.2 + 0.6 * torch.rand(2, 3, 24, 24, generator=rng(), dtype=torch.float64)
    return Target(classifier(model), DefenceModel(one_shot, SIGMA, (16, 16), 24, samples=3)), images, torch.tensor([1, 2])


def direction(build, target, images, labels):
    """The unit gradient: a first l2 step, from the picture itself, divided by its length."""
    return (build(target, replace(ROUND, step=0.01, steps=1))(images, labels, [0, 1]) - images) / 0.01


@pytest.mark.parametrize("attack", [eot_pgd, bpda], ids=["eot_pgd", "bpda"])
def test_the_budgets_seed_chooses_the_attackers_noise(defended, attack):
    target, images, labels = defended
    first, second = (attack.build(target, replace(ROUND, seed=seed))(images, labels, [0, 1]) for seed in (0, 1))
    assert not torch.allclose(first, second, atol=1e-4)


def test_eot_takes_the_mean_gradient_of_its_draws(defended):
    """Checked by differences: the mean loss rises most along the step, and not at all along what is orthogonal to it."""
    target, images, labels = defended
    along = direction(eot_pgd.build, target, images, labels)
    sideways = torch.randn(4, *images.shape, generator=rng(9), dtype=torch.float64)
    sideways = sideways - (sideways * along).sum((2, 3, 4), keepdim=True) * along
    sideways = sideways / sideways.flatten(2).norm(dim=2)[..., None, None, None]

    @torch.no_grad()
    def slope(way):
        losses = [
            F.cross_entropy(draw(target.scores, target.defence, 0, i)(images + h * way, [0, 1]), labels, reduction="none")
            for h in (1e-4, -1e-4)
            for i in range(3)
        ]
        return (sum(losses[:3]) - sum(losses[3:])) / 3 / 2e-4

    steepest = slope(along)
    assert (steepest > 0.01).all()
    for way in sideways:
        assert (slope(way).abs() < 1e-4 * steepest).all()


def test_bpda_takes_the_denoisers_gradient_for_the_identity(defended):
    target, images, labels = defended
    inner = target.defence.denoise
    total = torch.zeros_like(images)
    for i in range(target.defence.samples):
        kept = []

        def keeping(noisy, sigma, noise, kept=kept):
            kept.append(inner(noisy, sigma, noise).detach().requires_grad_())
            return kept[0]

        scores = draw(target.scores, replace(target.defence, denoise=keeping), 0, i)(images, [0, 1])
        (on_grid,) = torch.autograd.grad(F.cross_entropy(scores, labels, reduction="sum"), kept[0])
        x = images.clone().requires_grad_()
        resized = F.interpolate(x, target.defence.grid, mode="bilinear", align_corners=False)
        total += torch.autograd.grad(resized, x, on_grid)[0]
    wanted = total / total.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
    torch.testing.assert_close(direction(bpda.build, target, images, labels), wanted, atol=1e-10, rtol=0)
    assert (direction(eot_pgd.build, target, images, labels) - wanted).abs().max() > 1e-3


def test_bpda_passes_a_denoiser_on_exactly(defended):
    target, images, _ = defended
    straight = replace(target.defence, denoise=bpda.straight_through(target.defence.denoise))
    for i in range(3):
        assert torch.equal(draw(target.scores, straight, 0, i)(images, [0, 1]), draw(target.scores, target.defence, 0, i)(images, [0, 1]))


def test_without_a_denoiser_eot_and_bpda_are_one(defended):
    target, images, labels = defended
    bare = replace(target, defence=replace(target.defence, denoise=denoise.identity))
    torch.testing.assert_close(eot_pgd.build(bare, ROUND)(images, labels, [0, 1]), bpda.build(bare, ROUND)(images, labels, [0, 1]))


def quantised(noisy, sigma, noise):
    """Its gradient is 0 almost everywhere, and it runs as an exported session does."""
    with torch.inference_mode():
        return (noisy * 8).round() / 8


def test_bpda_attacks_what_shatters_the_gradient(defended):
    target, images, labels = defended
    target = replace(target, defence=replace(target.defence, denoise=quantised))
    found = bpda.build(target, ROUND)(images, labels, [0, 1])

    @torch.no_grad()
    def loss(x):
        return sum(F.cross_entropy(draw(target.scores, target.defence, 1, i)(x, [0, 1]), labels) for i in range(8)) / 8

    assert loss(found) > loss(images) + 0.02
    with pytest.raises(FvitError, match="no gradient back to the pictures"):
        eot_pgd.build(target, ROUND)(images, labels, [0, 1])


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"norm": "l1"}, r"unknown norm 'l1'; known: linf, l2"),
        ({"eps": 0.0}, r"eps = 0.0; a finite number above 0"),
        ({"eps": math.inf}, "eps = inf"),
        ({"step": -1.0}, r"step = -1.0; a finite number above 0"),
        ({"step": math.nan}, "step = nan"),
        ({"steps": 0}, "0 steps; 1 or more"),
    ],
)
def test_a_budget_that_is_none(change, wanted):
    with pytest.raises(FvitError, match=wanted):
        replace(STEPWISE, **change)


@pytest.mark.parametrize(("change", "wanted"), [({"sigma": 0.0}, "sigma = 0.0"), ({"samples": 0}, "0 samples a step")])
def test_a_defence_that_is_none(change, wanted):
    with pytest.raises(FvitError, match=wanted):
        replace(DefenceModel(denoise.identity, SIGMA, (8, 8), 8, samples=1), **change)
