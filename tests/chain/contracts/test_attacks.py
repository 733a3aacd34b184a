"""What every attack promises, for each file in bench/attacks and each norm, on a small ViT behind a small denoiser, in float64."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from bench.attacks._budget import Budget
from bench.attacks._target import DefenceModel, Target, classifier, draw
from helpers.small import rng, small_backbone, small_denoiser
from runtime import plugins
from runtime.diffusion import denoise
from runtime.errors import FvitError

NAMES = plugins.names("bench.attacks")
THROUGH = {"eot_pgd", "bpda"}  # refuse a target without a defence
# attack the classifier without a defence, which is what is tested here; test_autoattack.py and test_screen.py have the other way
ADAPTS = {"autoattack", "screen"}
# search nothing and ask for no score: the loss need not rise, and labels are not compared with scores
NOISE = {"gaussian", "uniform", "gaussian_unbounded", "uniform_deviation"}
UNBOUNDED = {"gaussian_unbounded", "uniform_deviation"}  # eps is a standard deviation, not the radius of a ball
SCORES = {"square"}  # reads scores, no gradient
GRADIENT = set(NAMES) - NOISE - SCORES
MAPS = {"topk"}  # raises no loss but moves a map, which its target must have; a gradient that is none is the map's
LINF = {"square"}  # refuse a budget in l2
QUERIES = 200  # random search needs more of them than a gradient does steps
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
    return Target(classifier(model), DefenceModel(one_shot, sigma=0.1, grid=(16, 16), size=24, samples=2), cells)


def cells(pixels, pictures):
    """A toy map with a gradient: the energy of each of 36 cells of 4 x 4 pixels."""
    return F.avg_pool2d(pixels.square().mean(1, keepdim=True), 4)[:, 0]


def made(name, target, budget):
    """The attack `name`; one that adapts to a defence gets none."""
    return plugins.load("bench.attacks", name).build(replace(target, defence=None) if name in ADAPTS else target, budget)


@pytest.fixture(scope="module")
def images():
    return torch.rand(3, 3, 24, 24, generator=rng(), dtype=torch.float64)


@pytest.fixture(scope="module")
def labels(networks, images):
    with torch.no_grad():
        return networks[0](images).argmax(1)


PAIRS = [(name, norm) for name in NAMES for norm in BUDGETS if norm == "linf" or name not in LINF]


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request):
    return request.param


@pytest.fixture
def name(pair):
    return pair[0]


@pytest.fixture
def budget(pair):
    return BUDGETS[pair[1]]


@pytest.fixture
def attack(name, target, budget):
    return made(name, target, budget)


def test_the_names_above_are_attacks():
    assert UNBOUNDED < NOISE and set(NAMES) >= THROUGH | ADAPTS | NOISE | SCORES | MAPS | LINF


@pytest.mark.parametrize("name", sorted(LINF))
def test_a_norm_that_an_attack_does_not_search_is_refused(name, target):
    with pytest.raises(FvitError, match=f"^{name}: a budget in l2 given; .* choose linf"):
        made(name, target, BUDGETS["l2"])


def test_inside_the_ball_and_inside_the_pixels_range(attack, name, budget, images, labels):
    found = attack(images, labels, NUMBERS)
    assert found.shape == images.shape and found.dtype == images.dtype and torch.isfinite(found).all() and not found.requires_grad
    assert found.min() >= 0 and found.max() <= 1
    length = torch.linalg.vector_norm((found - images).flatten(1), ord={"linf": torch.inf, "l2": 2}[budget.norm], dim=1)
    assert name in UNBOUNDED or ((length <= budget.eps + ROUNDING).all() and (length > budget.eps / 2).all())


@pytest.mark.parametrize("shade", [0.0, 1.0])
def test_pictures_at_the_border_of_the_range(attack, target, images, shade):
    flat = torch.full_like(images, shade)
    with torch.no_grad():
        labels = target.scores(flat, NUMBERS).argmax(1)  # an attack may leave a picture alone that is classified wrongly as it is
    found = attack(flat, labels, NUMBERS)
    assert found.min() >= 0 and found.max() <= 1 and (found != shade).any()


def test_float32_stays_inside_as_well(name, budget, images, labels):
    backbone, denoiser = small_backbone(), small_denoiser()
    defence = DefenceModel(denoise.one_shot(denoiser.model, denoiser.schedule), 0.1, (16, 16), 24, samples=1)
    found = made(name, Target(classifier(backbone.model), defence, cells), budget)(images.float(), labels, NUMBERS)
    assert found.dtype == torch.float32 and found.min() >= 0 and found.max() <= 1
    length = torch.linalg.vector_norm((found - images.float()).flatten(1), ord={"linf": torch.inf, "l2": 2}[budget.norm], dim=1)
    assert name in UNBOUNDED or (length <= budget.eps + ROUNDING).all()


@pytest.mark.parametrize("name", sorted(UNBOUNDED))
def test_noise_without_a_ball_has_the_deviation_asked_for(name, target):
    grey = torch.full((2, 3, 64, 64), 0.5, dtype=torch.float64)
    added = made(name, target, BUDGETS["linf"])(grey, torch.zeros(2, dtype=torch.int64), [4, 5]) - 0.5
    assert added.std().item() == pytest.approx(8 / 255, rel=0.03) and abs(added.mean().item()) < 1e-3
    assert (added.abs().max() < 1.74 * 8 / 255) == (name == "uniform_deviation")  # sqrt(3) deviations; a normal number goes further


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
    defence = DefenceModel(denoise.one_shot(denoiser.model.double(), denoiser.schedule), 0.1, (16, 16), 24, samples=1)
    made(name, Target(classifier(backbone.model), defence, cells), budget)(images, labels, NUMBERS)
    assert all(module.training for module in backbone.model.modules())


@pytest.mark.parametrize(("name", "norm"), [pair for pair in PAIRS if pair[0] not in NOISE | MAPS])
@torch.no_grad()
def test_the_loss_rises(name, norm, target, images, labels):
    """Of the classifier alone for attacks on it, else of the defended one under draws that the attacker has not seen."""
    scores = [draw(target.scores, target.defence, OTHER_SEED, i) for i in range(8)] if name in THROUGH else [target.scores]
    budget = replace(BUDGETS[norm], steps=QUERIES) if name in SCORES else BUDGETS[norm]

    def loss(pixels):
        return sum(F.cross_entropy(of_draw(pixels, NUMBERS), labels) for of_draw in scores) / len(scores)

    assert loss(made(name, target, budget)(images, labels, NUMBERS)) > loss(images) + 0.05


@pytest.mark.parametrize(("name", "norm"), [pair for pair in PAIRS if pair[0] in MAPS])
def test_relevance_leaves_the_top_cells_and_the_class_stays(name, norm, target, images, labels):
    found, top = made(name, target, BUDGETS[norm])(images, labels, NUMBERS), cells(images, NUMBERS).flatten(1).topk(8, 1).indices

    def share(pixels):
        relevance = cells(pixels, NUMBERS).flatten(1)
        return relevance.gather(1, top).sum(1) / relevance.sum(1)

    assert (share(found) < share(images)).all()
    with torch.no_grad():
        assert torch.equal(target.scores(found, NUMBERS).argmax(1), labels)


def test_it_attacks_inside_no_grad(attack, images, labels):
    wanted = attack(images, labels, NUMBERS)
    with torch.no_grad():
        assert torch.equal(attack(images, labels, NUMBERS), wanted)


@pytest.mark.parametrize(("name", "norm"), [pair for pair in PAIRS if pair[0] not in NOISE])
def test_what_is_no_number_is_an_error_with_the_attacks_name(name, norm, target, images, labels):
    """Of the second picture alone: sign(NaN) is 0 in PyTorch, and NaN is no label, so it would count as robust or as fooled."""

    def spoilt(pictures):
        return torch.tensor([float("nan") if number == 0 else 1.0 for number in pictures], dtype=images.dtype)[:, None]

    def scores(pixels, pictures):
        return pixels.mean((2, 3)) * spoilt(pictures)

    def maps(pixels, pictures):
        return cells(pixels, pictures) * spoilt(pictures)[:, :, None]

    attack = made(name, replace(target, maps=maps) if name in MAPS else replace(target, scores=scores), BUDGETS[norm])
    what = "scores are not finite" if name in {*SCORES, "autoattack"} else "gradient is not finite at step 0"
    with pytest.raises(FvitError, match=rf"^{name}: the {what} for pictures \[0\]"):
        attack(images, labels, NUMBERS)


@pytest.mark.parametrize(("name", "norm"), [pair for pair in PAIRS if pair[0] in GRADIENT])
def test_scores_or_maps_without_a_gradient_are_refused(name, norm, target, images):
    def scores(pixels, pictures):
        return pixels.detach().mean((2, 3))

    changed = replace(target, scores=scores, maps=lambda pixels, pictures: cells(pixels.detach(), pictures))
    with pytest.raises(FvitError, match="no gradient back to the pictures"):
        made(name, changed, BUDGETS[norm])(images, scores(images, NUMBERS).argmax(1), NUMBERS)


@pytest.mark.parametrize("name", sorted(NOISE | SCORES))
def test_an_attack_that_needs_no_gradient_asks_for_none(name, target, images, labels):
    def scores(pixels, pictures):
        assert not torch.is_grad_enabled() and not pixels.requires_grad
        return pixels.mean((2, 3))

    made(name, replace(target, scores=scores), BUDGETS["linf"])(images, labels, NUMBERS)


@pytest.mark.parametrize("name", sorted(MAPS))
def test_a_target_without_maps_is_refused_by_name(name, target):
    with pytest.raises(FvitError, match=f"^{name} attacks an explanation and this target has no maps"):
        made(name, replace(target, maps=None), BUDGETS["linf"])


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda x, y, n: (x[0], y, n), r"\(3, 24, 24\).*\(B, 3, H, W\)"),
        (lambda x, y, n: (x * 255, y, n), "divide bytes by 255"),
        (lambda x, y, n: (x, y[:2], n), r"labels \(2,\).*for 3 images"),
        (lambda x, y, n: (x, y.double(), n), "torch.float64"),
        (lambda x, y, n: (x, y - 5, n), "whole label from 0 up"),
        (lambda x, y, n: (x, y, n[:2]), "2 numbers given for 3 images"),
    ],
    ids=["one picture", "bytes", "too few labels", "no whole labels", "negative label", "too few numbers"],
)
def test_what_does_not_fit_is_refused(attack, images, labels, change, wanted):
    with pytest.raises(FvitError, match=wanted):
        attack(*change(images, labels, NUMBERS))


@pytest.mark.parametrize(("name", "norm"), [pair for pair in PAIRS if pair[0] not in NOISE])
def test_a_label_beyond_the_scores_is_refused(name, norm, target, images, labels):
    with pytest.raises(FvitError, match="labels up to"):
        made(name, target, BUDGETS[norm])(images, labels + 3, NUMBERS)


def test_without_a_defence_it_attacks_the_classifier_or_refuses_by_name(name, target, budget, images, labels):
    build, bare = plugins.load("bench.attacks", name).build, replace(target, defence=None)
    if name in THROUGH:
        with pytest.raises(FvitError, match=f"^{name} attacks through a defence"):
            build(bare, budget)
    elif name in ADAPTS:
        assert not torch.equal(build(bare, budget)(images, labels, NUMBERS), build(target, budget)(images, labels, NUMBERS))
    else:
        assert torch.equal(build(bare, budget)(images, labels, NUMBERS), build(target, budget)(images, labels, NUMBERS))
