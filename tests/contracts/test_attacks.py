"""What every attack promises, for each file in bench/attacks and each norm, on a small ViT behind a small denoiser, in float64."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from small import rng, small_backbone, small_denoiser

from bench.attacks._budget import Budget
from bench.attacks._target import Defence, Target, classifier, draw
from runtime import denoise, plugins
from runtime.errors import FvitError

NAMES = plugins.names("bench.attacks")
BUDGETS = {
    "linf": Budget("linf", eps=8 / 255, step=2 / 255, steps=3, random_start=True, seed=0),
    "l2": Budget("l2", eps=1.0, step=0.4, steps=3, random_start=True, seed=0),
}
NUMBERS = [7, 0, 3]
OTHER_SEED = 1
ROUNDING = 1e-6


@pytest.fixture(scope="module")
def networks():
    """The classifier and the denoiser, both in float64."""
    return small_backbone().model.double(), replace(small_denoiser(), model=small_denoiser().model.double())


@pytest.fixture(scope="module")
def target(networks):
    model, denoiser = networks
    one_shot = denoise.one_shot(denoiser.model, denoiser.schedule)
    return Target(classifier(model), Defence(one_shot, sigma=0.1, grid=(16, 16), size=24, samples=2))


@pytest.fixture(scope="module")
def images():
    return torch.rand(3, 3, 24, 24, generator=rng(), dtype=torch.float64)


@pytest.fixture(scope="module")
def labels(networks, images):
    with torch.no_grad():
        return networks[0](images).argmax(1)


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture(params=BUDGETS.values(), ids=BUDGETS)
def budget(request):
    return request.param


@pytest.fixture
def attack(name, target, budget):
    return plugins.load("bench.attacks", name).build(target, budget)


def test_inside_the_ball_and_inside_the_pixels_range(attack, budget, images, labels):
    found = attack(images, labels, NUMBERS)
    assert found.shape == images.shape and found.dtype == images.dtype and torch.isfinite(found).all() and not found.requires_grad
    assert found.min() >= 0 and found.max() <= 1
    length = torch.linalg.vector_norm((found - images).flatten(1), ord={"linf": torch.inf, "l2": 2}[budget.norm], dim=1)
    assert (length <= budget.eps + ROUNDING).all() and (length > budget.eps / 2).all()


@pytest.mark.parametrize("shade", [0.0, 1.0])
def test_pictures_at_the_border_of_the_range(attack, images, labels, shade):
    found = attack(torch.full_like(images, shade), labels, NUMBERS)
    assert found.min() >= 0 and found.max() <= 1 and (found != shade).any()


def test_float32_stays_inside_as_well(name, budget, images, labels):
    backbone, denoiser = small_backbone(), small_denoiser()
    defence = Defence(denoise.one_shot(denoiser.model, denoiser.schedule), 0.1, (16, 16), 24, samples=1)
    found = plugins.load("bench.attacks", name).build(Target(classifier(backbone.model), defence), budget)(images.float(), labels, NUMBERS)
    assert found.dtype == torch.float32 and found.min() >= 0 and found.max() <= 1
    length = torch.linalg.vector_norm((found - images.float()).flatten(1), ord={"linf": torch.inf, "l2": 2}[budget.norm], dim=1)
    assert (length <= budget.eps + ROUNDING).all()


def test_the_same_again(attack, images, labels):
    assert torch.equal(attack(images, labels, NUMBERS), attack(images, labels, NUMBERS))


def test_a_pictures_result_does_not_depend_on_its_company(attack, images, labels):
    together = attack(images, labels, NUMBERS)
    for i, number in enumerate(NUMBERS):
        torch.testing.assert_close(attack(images[i : i + 1], labels[i : i + 1], [number])[0], together[i], atol=1e-9, rtol=0)
    torch.testing.assert_close(attack(images.flip(0), labels.flip(0), NUMBERS[::-1]).flip(0), together, atol=1e-9, rtol=0)


def test_inputs_and_networks_are_left_as_they_were(attack, networks, images, labels):
    parameters = [parameter for network in (networks[0], networks[1].model) for parameter in network.parameters()]
    given, before, modes = (images.clone(), labels.clone()), [p.clone() for p in parameters], [p.requires_grad for p in parameters]
    parameters[0].requires_grad_(True)
    try:
        attack(images, labels, NUMBERS)
        assert parameters[0].requires_grad and all(p.grad is None for p in parameters)
    finally:
        parameters[0].requires_grad_(modes[0])
    assert torch.equal(images, given[0]) and torch.equal(labels, given[1]) and not images.requires_grad and images.grad is None
    assert all(torch.equal(a, b) for a, b in zip(parameters, before, strict=True)) and [p.requires_grad for p in parameters] == modes
    assert not any(module.training for network in (networks[0], networks[1].model) for module in network.modules())


def test_a_training_mode_stays(name, budget, images, labels):
    backbone, denoiser = small_backbone(), small_denoiser()
    backbone.model.double().train()
    defence = Defence(denoise.one_shot(denoiser.model.double(), denoiser.schedule), 0.1, (16, 16), 24, samples=1)
    plugins.load("bench.attacks", name).build(Target(classifier(backbone.model), defence), budget)(images, labels, NUMBERS)
    assert all(module.training for module in backbone.model.modules())


@torch.no_grad()
def test_the_loss_rises(name, attack, target, images, labels):
    """Of the classifier alone for attacks on it, else of the defended one under draws that the attacker has not seen."""
    scores = [target.scores] if name in ("fgsm", "pgd") else [draw(target.scores, target.defence, OTHER_SEED, i) for i in range(8)]

    def loss(pixels):
        return sum(F.cross_entropy(of_draw(pixels, NUMBERS), labels) for of_draw in scores) / len(scores)

    assert loss(attack(images, labels, NUMBERS)) > loss(images) + 0.05


def test_it_attacks_inside_no_grad(attack, images, labels):
    wanted = attack(images, labels, NUMBERS)
    with torch.no_grad():
        assert torch.equal(attack(images, labels, NUMBERS), wanted)


def test_a_gradient_that_is_no_number_is_an_error_with_the_attacks_name(name, target, budget, images, labels):
    """Of the second picture alone: sign(NaN) is 0 in PyTorch, so the attack would go on and leave that picture as it is."""

    def scores(pixels, pictures):
        spoilt = torch.tensor([float("nan") if number == 0 else 1.0 for number in pictures], dtype=pixels.dtype)
        return pixels.mean((2, 3)) * spoilt[:, None]

    attack = plugins.load("bench.attacks", name).build(replace(target, scores=scores), budget)
    with pytest.raises(FvitError, match=rf"^{name}: the gradient is not finite at step 0 for pictures \[0\]"):
        attack(images, labels, NUMBERS)


def test_scores_without_a_gradient_are_refused(name, target, budget, images, labels):
    attack = plugins.load("bench.attacks", name).build(replace(target, scores=lambda x, numbers: x.detach().mean((2, 3))), budget)
    with pytest.raises(FvitError, match="no gradient back to the pictures"):
        attack(images, labels, NUMBERS)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda x, y, n: (x[0], y, n), r"\(3, 24, 24\).*\(B, 3, H, W\)"),
        (lambda x, y, n: (x * 255, y, n), "divide bytes by 255"),
        (lambda x, y, n: (x, y[:2], n), r"labels \(2,\).*for 3 images"),
        (lambda x, y, n: (x, y.double(), n), "torch.float64"),
        (lambda x, y, n: (x, y - 5, n), "whole label from 0 up"),
        (lambda x, y, n: (x, y + 3, n), "labels up to"),
        (lambda x, y, n: (x, y, n[:2]), "2 numbers came for 3 images"),
    ],
    ids=["one picture", "bytes", "too few labels", "no whole labels", "negative label", "label beyond the scores", "too few numbers"],
)
def test_what_does_not_fit_is_refused(attack, images, labels, change, wanted):
    with pytest.raises(FvitError, match=wanted):
        attack(*change(images, labels, NUMBERS))


def test_without_a_defence_it_attacks_the_classifier_or_refuses_by_name(name, target, budget, images, labels):
    build = plugins.load("bench.attacks", name).build
    if name in ("eot_pgd", "bpda"):
        with pytest.raises(FvitError, match=f"^{name} attacks through a defence"):
            build(Target(target.scores), budget)
    else:
        assert torch.equal(build(Target(target.scores), budget)(images, labels, NUMBERS), build(target, budget)(images, labels, NUMBERS))
