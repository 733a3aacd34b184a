"""Perturbation: the reference's recorded curves, and what is masked when."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from bench.metrics.perturbation import STEPS, CurveOptions, auc, aucs, curve, masked
from bench.metrics.segmentation import relevance
from helpers.models import vit
from helpers.oracle import arrays
from runtime.errors import FvitError

ORACLE = "perturbation_test/perturbation.npz"
COUNTS = tuple(range(500, 5000, 500))  # the reference's scale "100"
CURVES = [("rank", "per"), ("rank", "100"), ("map14", "per")]
ATOL = 1e-3  # the README's. Where a cut goes through equal pixels topk masks others of them than we do: there the hits alone are compared


@pytest.fixture(scope="module")
def recorded():
    """The oracle, its pictures and its classifier, which keeps the logits of each call in `seen`."""
    saved, model, seen = arrays(ORACLE), vit("vit_t224").model, []
    with torch.no_grad():
        model.get_submodule("model.head").weight.copy_(torch.from_numpy(saved["head_weight"]))
        model.get_submodule("model.head").bias.copy_(torch.from_numpy(saved["head_bias"]))

    def classify(images, numbers):
        with torch.inference_mode():
            logits = model(images)
        seen.append(logits.numpy())
        return logits.argmax(1)

    return saved, torch.from_numpy(saved["u8"]).float() / 255, classify, seen


@pytest.mark.parametrize("sign", ["pos", "neg"])
@pytest.mark.parametrize("map_name, scale", CURVES)
def test_recorded_curves(recorded, map_name, scale, sign):
    saved, images, classify, seen = recorded
    maps = torch.from_numpy(saved["vis_rank" if map_name == "rank" else "vis14"].astype(np.float32))[:, 0]
    options = CurveOptions(positive=sign == "pos", steps=STEPS if scale == "per" else COUNTS)
    seen.clear()
    found = curve(classify, images, range(6), torch.from_numpy(saved["target"]), maps, options)
    key = f"{map_name}_{scale}_{sign}"
    assert np.array_equal(found.numpy(), saved[f"{key}/perturbations_hits"] == 1)
    assert found.double().mean(1).numpy() == pytest.approx(saved[f"{key}/mean_accuracy"])
    assert 0.8 * auc(found, options.x) == pytest.approx(float(saved[f"{key}/auc_trapezoid_0.1_to_0.9"]))
    logits, free = np.stack(seen), ~tied(maps, options)
    moved = logits.max(2) - saved["clean_logits"].max(1)
    assert free.all() if map_name == "rank" else free.mean() > 0.6
    assert np.abs(moved - saved[f"{key}/perturbations_logit_diff"])[free].max() < ATOL
    surer = softmax(logits, -1).max(2) - softmax(saved["clean_logits"], -1).max(1)
    assert np.abs(surer - saved[f"{key}/perturbations_prob_diff"])[free].max() < ATOL


def tied(maps: torch.Tensor, options: CurveOptions) -> np.ndarray:
    """(S, B): whether the last masked pixel and the first kept one are equal, in the reference's normalised maps."""
    ordered = relevance(maps, (224, 224)).flatten(1).sort(dim=1, descending=options.positive).values
    counts = [step if isinstance(step, int) else int(224 * 224 * step) for step in options.steps]
    return np.stack([(ordered[:, k - 1] == ordered[:, k]).numpy() for k in counts])


def test_a_step_of_nothing_is_the_clean_picture(recorded):
    saved, images, classify, _ = recorded
    maps = torch.from_numpy(saved["vis14"])[:, 0]
    found = curve(classify, images, range(6), torch.from_numpy(saved["target"]), maps, CurveOptions(with_zero=True, steps=(0.9,)))
    assert found.shape == (2, 6) and np.array_equal(found[0].numpy(), saved["model_hits"] == 1)


def corner(images, numbers):
    """Label 1 while the upper left quarter of a picture is bright."""
    half = images.shape[-1] // 2
    return (images[:, :, :half, :half].mean((1, 2, 3)) > 0.5).long()


def test_a_map_of_what_the_classifier_sees_has_the_best_areas():
    images, maps = torch.ones(1, 3, 8, 8), torch.zeros(1, 8, 8)
    maps[:, :4, :4] = 1.0
    target = torch.tensor([1])
    lost, kept = (curve(corner, images, [0], target, maps, CurveOptions(sign, with_zero=True)) for sign in (True, False))
    assert lost[:, 0].tolist() == [True, True] + [False] * 8  # 6 of its 16 pixels, then 12
    assert kept[:, 0].tolist() == [True] * 9 + [False]  # the quarter is touched from 3/4 on: 3 of 16 pixels, then 9
    assert auc(lost, range(10)) == 1.5 / 9 and auc(kept, range(10)) == 8.5 / 9


def test_masked_pixels_are_whole_counted_down_and_ordered():
    images, maps = torch.rand(2, 3, 3, 3), torch.arange(9.0).reshape(1, 3, 3).repeat(2, 1, 1)
    maps[1] = -maps[1]
    before = images.clone()
    most, least = masked(images, maps, 0.5, True, 0.25).flatten(2), masked(images, maps, 4, False, 0.25).flatten(2)
    first, last, whole = list(range(4)), list(range(5, 9)), images.flatten(2)
    for picture, (gone, left) in enumerate([(last, first), (first, last)]):  # int(9 * 0.5) = 4 of 9
        assert (most[picture][:, gone] == 0.25).all() and torch.equal(most[picture][:, [*left, 4]], whole[picture][:, [*left, 4]])
        assert (least[picture][:, left] == 0.25).all() and torch.equal(least[picture][:, [*gone, 4]], whole[picture][:, [*gone, 4]])
    assert torch.equal(images, before) and torch.equal(masked(images, maps, 0.0, True), images)
    assert masked(images, maps, 1.0, True).abs().max() == masked(images, maps, 9, True).abs().max() == 0


@pytest.mark.parametrize("most_relevant_first", [True, False])
def test_no_kept_pixel_is_more_relevant_than_a_masked_one(rng, most_relevant_first):
    maps, images = torch.randint(0, 4, (3, 6, 6), generator=rng).float(), torch.ones(3, 3, 24, 24)
    shown = relevance(maps, (24, 24))
    for step in STEPS:
        gone = masked(images, maps, step, most_relevant_first).sum(1) == 0
        assert gone.sum((1, 2)).tolist() == [int(576 * step)] * 3
        for picture, taken in zip(shown if most_relevant_first else -shown, gone, strict=True):
            assert picture[taken].min() >= picture[~taken].max()


@pytest.mark.parametrize("most_relevant_first", [True, False])
def test_equal_relevance_goes_in_reading_order(most_relevant_first):
    found = masked(torch.ones(1, 3, 32, 32), torch.ones(1, 4, 4), 40, most_relevant_first).flatten(2)
    assert (found[:, :, :40] == 0).all() and (found[:, :, 40:] == 1).all()


def test_pictures_numbers_and_labels_go_together():
    seen = []

    def classify(images, numbers):
        seen.append((len(images), list(numbers)))
        return torch.tensor(numbers)

    found = curve(classify, torch.rand(2, 3, 4, 4), [7, 3], torch.tensor([7, 4]), torch.rand(2, 2, 2), CurveOptions(steps=(0.1, 0.5)))
    assert found.tolist() == [[True, False]] * 2 and seen == [(2, [7, 3])] * 2


def test_areas_by_hand():
    hits = torch.tensor([[1, 1], [1, 0], [0, 0]], dtype=torch.bool)
    assert aucs(hits).tolist() == [0.75, 0.25] and auc(hits) == 0.5
    assert aucs(hits, (0.0, 0.1, 0.5)).tolist() == pytest.approx([0.6, 0.1])  # (0.1 + 0.4 / 2) / 0.5 and (0.1 / 2) / 0.5
    assert auc(torch.ones(4, 3)) == 1.0 and auc(torch.zeros(4, 3)) == 0.0


IMAGES, MAPS = torch.rand(1, 3, 4, 4), torch.rand(1, 2, 2)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: masked(IMAGES, torch.full((1, 2, 2), torch.nan), 0.5, True), "NaN"),
        (lambda: masked(IMAGES, MAPS, 1.5, True), "1.5 of 16 pixels"),
        (lambda: masked(IMAGES, MAPS, 17, True), "17 of 16 pixels"),
        (lambda: CurveOptions(steps=(0.5, 0.1)), "rising"),
        (lambda: CurveOptions(steps=(0.1, 5)), "rising"),
        (lambda: CurveOptions(steps=()), "rising"),
        (lambda: CurveOptions(value=-1.0), "black"),
        (lambda: curve(corner, 2 * IMAGES + 1, [0], torch.tensor([0]), MAPS, CurveOptions()), "divide bytes"),
        (lambda: curve(corner, IMAGES, [0, 1], torch.tensor([0]), MAPS, CurveOptions()), "2 numbers"),
        (lambda: curve(lambda x, _: x.mean((2, 3)), IMAGES, [0], torch.tensor([0]), MAPS, CurveOptions()), "argmax"),
        (lambda: auc(torch.ones(1, 2)), "2 or more steps"),
        (lambda: auc(torch.ones(3, 2), (0.1, 0.2)), "one place for each"),
    ],
)
def test_refused(call, said):
    with pytest.raises(FvitError, match=said):
        call()
