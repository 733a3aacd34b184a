"""The `screen` attack, attackers who know the noise, defences as they are looked through, and pictures that are asked again."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from bench.attacks import screen
from bench.attacks._budget import Budget
from bench.attacks._target import DefenceModel, Target, draw
from bench.trials import run
from bench.trials.trial import Trial
from bench.worlds import attack as attacks
from bench.worlds import defence as defences
from bench.worlds.attack import Threat
from bench.worlds.defence import CONTROLS, Answer, Defence
from bench.worlds.workbench import Workbench
from bench.worlds.world import Pictures
from helpers.certify import SmallWorld
from helpers.small import rng
from runtime.diffusion import denoise, schedule
from runtime.errors import FvitError
from runtime.noise import DrawNoise

BUDGET = Budget("linf", eps=0.05, step=0.01, steps=40, random_start=True, seed=0)
LEVEL = schedule.level(schedule.linear(), 0.25, "cumulative")


@pytest.fixture(scope="module")
def bench():
    return Workbench(SmallWorld())


def test_the_margin_by_hand():
    scores = torch.tensor([[1.0, 3.0, 2.0], [5.0, 1.0, 4.0]])
    assert screen.margin(scores, torch.tensor([1, 2])).tolist() == [-1.0, 1.0]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_exact_optimum_of_a_linear_classifier(norm):
    """The largest margin of two classes in the ball is where their weights' difference says."""
    weights, images = torch.randn(2, 48, generator=rng(0)), 0.4 + 0.2 * torch.rand(3, 3, 4, 4, generator=rng(1))
    budget = replace(BUDGET, norm=norm, eps=0.05 if norm == "linf" else 0.3)
    found = screen.build(Target(lambda x, pictures: x.flatten(1) @ weights.T), budget)(images, torch.zeros(3, dtype=torch.int64), [0, 1, 2])
    slope = (weights[1] - weights[0]).reshape(1, 3, 4, 4)
    best = images + budget.eps * (slope.sign() if norm == "linf" else slope / slope.norm())
    reached, most = (((x * slope).sum((1, 2, 3)) - (images * slope).sum((1, 2, 3))) for x in (found, best))
    assert (reached > 0.99 * most).all() and ((found - images).abs().amax() <= 0.05 + 1e-6 or norm == "l2")


def test_the_best_point_is_kept_and_not_the_last():
    """A margin that is highest at 0.52: steps of the first half leap over it."""
    peak = torch.full((1, 3, 2, 2), 0.52)

    def scores(x, pictures):
        return torch.stack([torch.zeros(len(x)), -(x - peak[: len(x)]).abs().sum((1, 2, 3))], 1) + 0 * x.sum()

    found = screen.build(Target(scores), replace(BUDGET, random_start=False))(
        torch.full((1, 3, 2, 2), 0.5), torch.zeros(1, dtype=torch.int64), [0]
    )
    assert float((found - peak).abs().max()) < 0.005


def test_an_attacker_who_knows_the_noise_sees_the_defences_own_draws():
    seen: list[Any] = []
    model = DefenceModel(lambda noisy, sigma, noise: seen.append(noisy) or noisy, 0.25, (4, 4), 4, 3, True, known=(7, 20))
    images = torch.full((1, 3, 4, 4), 0.5)
    draw(lambda x, pictures: x.flatten(1), model, 99, 2)(images, [5])
    torch.testing.assert_close(seen[0], images + 0.25 * DrawNoise(7, [5], [22]).normal(images))
    fresh = replace(model, known=None)
    draw(lambda x, pictures: x.flatten(1), fresh, 7, 2)(images, [5])
    assert not torch.equal(seen[0], seen[1])


def test_known_noise_is_all_draws_of_the_defence_and_its_seed(bench):
    defence = Defence("dds", LEVEL, 6, seed=3)
    seen = attacks.target(Threat("screen_known"), bench, defence).defence
    assert seen is not None and (seen.samples, seen.fixed, seen.known) == (6, True, (3, 0))
    other = attacks.target(Threat("screen_through"), bench, defence).defence
    assert other is not None and (other.samples, other.fixed, other.known) == (8, False, None)
    assert Threat("screen_known").known and Threat("screen_known").through and not Threat("screen").through


def test_each_defence_is_looked_through_as_it_is(bench):
    noisy, noise = torch.rand(2, 3, 32, 32, generator=rng(0)), DrawNoise(0, [0, 1], [0, 0])
    blurred = attacks.through(bench, Defence("dds", LEVEL, denoise="blur"))
    assert blurred is CONTROLS["blur"] and attacks.through(bench, Defence("noise", LEVEL)) is denoise.identity
    shrunk = attacks.through(bench, Defence("dds", LEVEL, denoise="jpeg"))
    x = noisy.clone().requires_grad_()
    found = shrunk(x, 0.25, noise)
    torch.testing.assert_close(found.detach(), CONTROLS["jpeg"](noisy, 0.25, noise))
    torch.testing.assert_close(torch.autograd.grad(found.sum(), x)[0], torch.ones_like(x))


def test_a_chain_is_looked_through_step_by_step(bench):
    """Recomputed steps give the gradient that kept ones give; the attack refuses chains that are too long, and none."""
    model, levels = bench.denoiser.model, bench.denoiser.schedule
    x, noise = torch.rand(1, 3, 32, 32, generator=rng(0)).requires_grad_(), DrawNoise(0, [0], [0])
    plain, again = denoise.ddim(model, levels, 3), attacks.through(bench, Defence("dds", LEVEL, denoise="ddim", steps=3))
    wanted, found = (torch.autograd.grad(one(x, LEVEL.sigma, noise).sum(), x)[0] for one in (plain, again))
    torch.testing.assert_close(found, wanted)
    for bad, told in (
        (Defence("dds", LEVEL, denoise="ddim", steps=11), "ddim of 11 steps"),
        (Defence("dds", LEVEL, denoise="chain"), "all its steps"),
    ):
        with pytest.raises(FvitError, match=told):
            attacks.through(bench, bad)
    with pytest.raises(FvitError, match="screen_through looks through a defence, and there is none"):
        attacks.target(Threat("screen_through"), bench, Defence())


def test_screen_attacks_a_denoiser_without_noise(bench):
    images, labels = torch.rand(1, 3, 24, 24, generator=rng(0)), torch.zeros(1, dtype=torch.int64)
    threat = Threat("screen_through", step_rule="small")
    found = attacks.attack(threat, bench, Defence("denoiser", LEVEL), images, labels, [0]).images
    assert 0 < float((found - images).abs().max()) <= 8 / 255 + 1e-6


def test_one_wrong_answer_of_many_counts(monkeypatch, bench):
    """Five pictures of class 0 asked three times: the answers by seed."""
    by_seed = {0: [0, 0, 0, 1, 0], 1000: [0, 2, 0, 0, 0], 2000: [0, 0, 0, 0, 1]}

    def answer(bench, defence, engine, images, numbers, explainers=None):
        return Answer(torch.tensor(by_seed[defence.seed]), {}, torch.tensor([[10, 0, 0]] * 5))

    monkeypatch.setattr(defences, "answer", answer)
    runner = run.Runner(SmallWorld())
    runner.benches["small"] = bench
    pictures = Pictures(list(range(5)), torch.rand(5, 3, 24, 24), torch.zeros(5, dtype=torch.int64))
    trial = Trial("small", "digits", 5, defence=Defence("dds", LEVEL, 10), asks=3)
    assert runner._answer(trial, pictures)["labels"].tolist() == [0, 2, 0, 1, 1]
    assert runner._answer(replace(trial, asks=1), pictures)["labels"].tolist() == by_seed[0]
    assert trial.key != replace(trial, asks=1).key
