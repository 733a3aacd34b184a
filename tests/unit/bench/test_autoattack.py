"""Square, AutoAttack's stages, its `rand` version and cautions, on toys whose weak point is known; topk on toys."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from bench.attacks import autoattack, gaussian, pgd, screen, square, topk, uniform
from bench.attacks._budget import Budget
from bench.attacks._target import DefenceModel, Target
from helpers.small import rng
from runtime.diffusion import denoise
from runtime.errors import FvitError

WEIGHT = torch.randn(3, 8, 8, generator=rng(5), dtype=torch.float64)
GREY = torch.full((3, 3, 8, 8), 0.5, dtype=torch.float64)
FIRST = torch.zeros(3, dtype=torch.int64)
NUMBERS = [4, 0, 9]
BUDGET = Budget("linf", eps=0.05, step=0.01, steps=10, random_start=True, seed=0)
REACH = 0.05 * WEIGHT.abs().sum()  # how far the score of a linear classifier can be moved in the ball


def linear(margin):
    """Three classes; the first wins by `margin` (a share of what the ball can move) at GREY and its loss rises along WEIGHT."""

    def scores(images, pictures):
        score = ((images - 0.5) * WEIGHT.to(images)).sum((1, 2, 3))
        return torch.stack([margin * REACH - score, score * 0, score * 0 - 50], 1)

    return scores


def masked(scores):
    """The same classes, no useful gradient: 0 of it reaches the pictures."""
    return lambda images, pictures: scores(images.detach(), pictures) + 0 * images.sum((1, 2, 3))[:, None]


def outcome_of(target, budget, images, labels, numbers):
    found, by = autoattack.stages(target, budget, images, labels, numbers)
    return SimpleNamespace(found=found, by=by)


def wrong(scores, images):
    with torch.no_grad():
        return scores(images, NUMBERS).argmax(1) != 0


def test_square_alone_breaks_what_has_no_gradient():
    scores = masked(linear(0.4))
    found = square.build(Target(scores), replace(BUDGET, steps=500))(GREY, FIRST, NUMBERS)
    assert wrong(scores, found).all() and (found - GREY).abs().max() <= 0.05 + 1e-9
    assert not wrong(scores, uniform.build(Target(scores), BUDGET)(GREY, FIRST, NUMBERS)).any()
    assert not wrong(scores, gaussian.build(Target(scores), BUDGET)(GREY, FIRST, NUMBERS)).any()


def test_square_asks_as_often_as_the_budget_says_and_no_more_once_fooled():
    asked = []

    def counted(margin):
        return lambda images, pictures: asked.extend(pictures) or linear(margin)(images, pictures)

    square.build(Target(counted(2.0)), replace(BUDGET, steps=30))(GREY, FIRST, NUMBERS)
    assert sorted(asked) == sorted(NUMBERS * 30)
    asked.clear()
    square.build(Target(counted(-1.0)), replace(BUDGET, steps=30))(GREY, FIRST, NUMBERS)
    assert asked == NUMBERS


def test_squares_margin_falls_with_the_queries():
    scores = linear(2.0)
    margins = [
        square.margins("square", scores, square.build(Target(scores), replace(BUDGET, steps=steps))(GREY, FIRST, NUMBERS), FIRST, NUMBERS)
        for steps in (1, 100, 1000)
    ]
    assert (margins[1] < margins[0]).all() and (margins[2] < margins[1]).all()


def test_the_squares_shrink_as_in_autoattack():
    picture = torch.empty(1, 3, 100, 100)
    assert [square.side(query, 10_000, picture) for query in (1, 10, 11, 51, 201, 8001)] == [89, 89, 63, 45, 32, 4]
    assert square.side(4999, 5000, picture) == 4 and square.side(1, 10, torch.empty(1, 3, 2, 2)) >= 1


def test_a_square_lies_anywhere_and_has_one_sign_a_channel():
    chance = torch.randn(4000, 5, generator=rng(1))
    painted = square._painted(torch.zeros(4000, 3, 5, 6), chance, 2, 0.1)
    assert ((painted != 0).flatten(2).sum(2) == 4).all() and set(painted.unique().tolist()) == {0.0, *torch.tensor([0.1, -0.1]).tolist()}
    assert (painted.flatten(2).sum(2).abs() - 0.4).abs().max() < 1e-6
    corners = [(painted[:, 0, row, column] != 0).float().mean().item() for row, column in ((0, 0), (4, 5), (0, 5), (4, 0))]
    assert corners == pytest.approx([1 / 20] * 4, abs=0.012)


@pytest.mark.parametrize(
    ("scores", "stage"), [(linear(0.5), "apgd-ce"), (masked(linear(0.4)), "square"), (linear(1.5), ""), (linear(-1), "clean")]
)
def test_the_stage_that_fooled(scores, stage):
    outcome = outcome_of(Target(scores), BUDGET, GREY, FIRST, NUMBERS)
    assert outcome.by == (stage,) * 3 and torch.equal(wrong(scores, outcome.found), torch.tensor([stage != ""] * 3))
    assert torch.equal(outcome.found, GREY) == (stage == "clean")
    assert torch.equal(outcome.found, autoattack.build(Target(scores), BUDGET)(GREY, FIRST, NUMBERS))


def test_dlr_goes_where_the_cross_entropy_underflows():
    """Scores so large that softmax is 1 exactly: the cross entropy is 0 and flat, the ratio is not."""

    def sure(images, pictures):
        return 1e6 * linear(0.5)(images.double(), pictures)

    assert outcome_of(Target(sure), BUDGET, GREY, FIRST, NUMBERS).by == ("apgd-dlr",) * 3


def test_each_stage_sees_those_alone_that_are_still_right():
    """Picture 0 is wrong as it is, picture 4 falls to APGD-CE, picture 9 to nothing."""
    seen = []

    def scores(images, pictures):
        seen.append((images.requires_grad, tuple(pictures)))
        margin = torch.tensor([{0: -1.0, 4: 0.5, 9: 1.5}[number] for number in pictures], dtype=images.dtype)
        return linear(0.0)(images, pictures) + torch.stack([margin * REACH, margin * 0, margin * 0], 1)

    assert outcome_of(Target(scores), BUDGET, GREY, FIRST, NUMBERS).by == ("apgd-ce", "clean", "")
    with_gradient = [pictures for gradient, pictures in seen if gradient]
    assert with_gradient == [(4, 9)] * 11 + [(9,)] * 11
    assert seen[0] == (False, (4, 0, 9)) and {pictures for gradient, pictures in seen[-400:] if not gradient} == {(9,)}


@pytest.fixture
def rand():
    """A classifier behind noise; what comes out of it is seen in `drawn`."""
    drawn = []

    def spy(noisy, sigma, noise):
        drawn.append(noisy.detach())
        return noisy

    return Target(linear(0.5), DefenceModel(spy, sigma=0.05, grid=(8, 8), size=8, samples=4)), drawn


def test_the_rand_version_averages_draws_and_asks_no_square(rand):
    target, drawn = rand
    outcome = outcome_of(target, BUDGET, GREY, FIRST, NUMBERS)
    assert set(outcome.by) <= {"apgd-ce", "apgd-dlr", "clean"} and len(drawn) == 4 * 11 + 4 + 4
    drawn.clear()
    held = outcome_of(replace(target, scores=masked(linear(3.0))), BUDGET, GREY, FIRST, NUMBERS)
    assert held.by == ("",) * 3 and len(drawn) == 4 * (11 + 11 + 3)
    noise = torch.stack(drawn[:4])[:, 0].flatten(1) - 0.5
    assert (torch.corrcoef(noise) - torch.eye(4)).abs().max() < 0.4


def test_a_pictures_result_in_the_rand_version_does_not_depend_on_its_company(rand):
    target, images = rand[0], GREY + 0.1 * torch.rand(GREY.shape, generator=rng(2), dtype=torch.float64)
    together = outcome_of(target, BUDGET, images, FIRST, NUMBERS)
    for i, number in enumerate(NUMBERS):
        alone = outcome_of(target, BUDGET, images[i : i + 1], FIRST[:1], [number])
        torch.testing.assert_close(alone.found[0], together.found[i], atol=1e-9, rtol=0)
        assert alone.by == together.by[i : i + 1]


def said(scores, budget=BUDGET, defence=None):
    target = Target(scores, defence)
    outcome = outcome_of(target, budget, GREY, FIRST, NUMBERS)
    return autoattack.cautions(target, budget, GREY, FIRST, NUMBERS, outcome)


def test_cautions():
    noise = rng(3)

    def restless(images, pictures):
        return linear(0.5)(images, pictures) + 0.001 * torch.randn(3, generator=noise, dtype=images.dtype)

    assert said(linear(0.5)) == [] and said(linear(0.5), defence=DefenceModel(denoise.identity, 0.01, (8, 8), 8, samples=2)) == []
    assert [text[:37] for text in said(restless)] == ["two calls of the classifier differ: i"]
    flat, beyond = said(masked(linear(0.4)))
    assert flat.startswith("the gradient is zero for pictures [4, 0, 9]") and beyond.startswith("square fooled pictures [4, 0, 9]")
    (probabilities,) = said(lambda images, pictures: linear(0.5)(images, pictures).softmax(1))
    assert "look like probabilities" in probabilities
    assert said(linear(0.5), replace(BUDGET, norm="l2")) == ["no black-box stage ran: square searches in linf alone"]


def test_topk_needs_maps_of_a_map_and_fewer_cells_than_there_are():
    target = Target(linear(9), maps=lambda images, pictures: images.mean(1))
    for k in (0, 64):
        with pytest.raises(
            FvitError, match=f"k {k} given; a whole number from 1 to 63, below the number of cells, is expected, 8 by default"
        ):
            topk.build(target, BUDGET, k)(GREY, FIRST, NUMBERS)
    with pytest.raises(FvitError, match=r"maps \(3,\) given for 3 pictures; \(B, G1, G2\)"):
        topk.build(replace(target, maps=lambda images, pictures: images.mean((1, 2, 3))), BUDGET)(GREY, FIRST, NUMBERS)


def test_topk_leaves_a_picture_alone_whose_class_no_point_keeps():
    touchy = lambda images, pictures: torch.stack([(images == 0.5).double().mean((1, 2, 3)), images.mean((1, 2, 3)) * 0 + 0.5], 1)  # noqa: E731
    target = Target(touchy, maps=lambda images, pictures: images.square().mean(1))
    assert torch.equal(topk.build(target, BUDGET)(GREY, FIRST, NUMBERS), GREY)


def test_the_most_relevant_cells():
    top, equal = topk.top_cells(torch.tensor([[[1.0, 5.0], [3.0, 4.0]]]), 2), topk.top_cells(torch.ones(1, 2, 2), 1)
    assert top.tolist() == [[[False, True], [False, True]]] and equal.tolist() == [[[True, False], [False, False]]]


def test_two_classes_go_without_the_dlr_stage_and_it_is_said():
    weights = torch.randn(2, 48, generator=torch.Generator().manual_seed(0))
    target = Target(lambda x, pictures: x.flatten(1) @ weights.T)
    images = torch.full((1, 3, 4, 4), 0.5)
    labels = target.scores(images, [0]).argmax(1)
    budget = Budget("linf", eps=1e-6, step=1e-6, steps=2, random_start=True, seed=0)
    with pytest.warns(UserWarning, match="2 classes: AutoAttack runs without its DLR stage"):
        assert autoattack.stages(target, budget, images, labels, [0])[1] == ("",)


def test_one_class_is_refused_by_every_attack():
    target = Target(lambda x, pictures: x.flatten(1).sum(1, keepdim=True))
    images, labels = torch.full((1, 3, 4, 4), 0.5), torch.zeros(1, dtype=torch.int64)
    budget = Budget("linf", eps=0.1, step=0.1, steps=2, random_start=True, seed=0)
    for plugin in (pgd, screen, autoattack, square):
        with pytest.raises(FvitError, match="a classifier of one class given"):
            plugin.build(target, budget)(images, labels, [0])
