"""Metrics against the recorded ones of Transformer-Explainability; two maps against each other."""

import json
import math

import numpy as np
import pytest
import torch

from bench.metrics import segmentation
from bench.metrics.overlap import cosine, difference, reciprocals, shared_relevance, topk
from bench.protocols import MetricInput
from bench.trials.metric import find
from helpers.oracle import need, tensors
from runtime import plugins
from runtime.errors import FvitError


def seen(maps, **fields) -> MetricInput:
    return MetricInput(torch.rand(len(maps), 3, 8, 8), torch.zeros(len(maps), dtype=torch.int64), maps, **fields)


@pytest.mark.parametrize("name", plugins.names("bench.metrics"))
def test_every_metric_gives_numbers_per_picture_and_a_total_of_their_mean(name, rng):
    metric = plugins.load("bench.metrics", name)
    maps, masks = torch.rand(3, 4, 4, generator=rng), (torch.rand(3, 8, 8, generator=rng) > 0.5).long()
    images = torch.rand(3, 3, 8, 8, generator=rng)
    given = {"masks": masks, "twin": maps.roll(1, 0), "classify": lambda images, numbers: torch.zeros(len(images), dtype=torch.int64)}
    rows = metric.score(seen(maps, clean=images, **{need: given[need] for need in metric.NEEDS}))
    assert rows.shape[0] == 3 and rows.ndim == 2 and np.isfinite(rows).all()
    assert (
        0 <= metric.total(rows.mean(0)) <= (math.inf if name.startswith("s_faith") else 1)
        and metric.SHOWN
        and isinstance(metric.HIGHER_IS_BETTER, bool)
    )


def test_s_faith_by_hand():
    """The caption of Table 5: one over the mean absolute difference, maps on [0, 1]."""
    a, b = torch.tensor([[[0.0, 2.0], [1.0, 4.0]]]), torch.tensor([[[1.0, 3.0], [3.0, 5.0]]])  # on [0, 1]: 0 .5 .25 1 and 0 .5 .5 1
    assert difference(a, b).tolist() == [0.0625] and reciprocals(difference(a, b)).tolist() == [[0.0625, 16.0, 1.0]]
    pair = torch.cat([a, a]), torch.cat([b, 3 * a])  # the second picture's maps are equal on [0, 1]
    means = find("s_faith").score(seen(pair[0], twin=pair[1])).mean(0)
    assert find("s_faith").total(means) == 32.0 and find("s_faith:average=reciprocal").total(means) == 16.0
    equal = find("s_faith").score(seen(a, twin=a)).mean(0)
    assert find("s_faith").total(equal) == find("s_faith:average=reciprocal").total(equal) == math.inf


def test_s_faith_against_the_mask_by_hand():
    maps, masks = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]), torch.tensor([[[0, 1], [0, -1]]])
    given = MetricInput(torch.rand(1, 3, 2, 2), torch.zeros(1, dtype=torch.int64), maps, masks)
    rows = find("s_faith_mask").score(given)  # one of the three labelled pixels is wrong by 1
    assert find("s_faith_mask").total(rows.mean(0)) == pytest.approx(3.0)


def test_options_of_a_metric():
    one = find("positive_auc:picture=shown:zero=true:divided=false")
    assert one.shown == "pos. AUC (shown picture, zero, not divided)" and find("s_faith").shown == "S_Faith"
    hits = np.array([1.0, *[0.5] * 9])
    assert one.total(hits) == pytest.approx(0.475) and find("positive_auc").total(hits) == pytest.approx(0.5)
    for wrong, said in (
        ("positive_auc:zero=1", "true or false is expected"),
        ("s_faith:average=mode", "difference or reciprocal is expected"),
    ):
        with pytest.raises(FvitError, match=said):
            find(wrong)
    with pytest.raises(FvitError, match="unknown option of s_faith 'truth'"):
        find("s_faith:truth=mask")


def test_which_picture_and_classifier_the_areas_ask():
    maps, pictures = torch.rand(2, 4, 4), torch.rand(2, 3, 8, 8)
    asked = []

    def classify(name):
        return lambda images, numbers: asked.append((name, tuple(numbers), images[0])) or torch.zeros(2, dtype=torch.int64)

    given = MetricInput(
        pictures,
        torch.zeros(2, dtype=torch.int64),
        maps,
        classify=classify("plain"),
        clean=pictures * 0.5,
        defend=classify("dds"),
        numbers=[7, 9],
    )
    assert find("positive_auc").score(given).tolist() == [[1.0] * 10] * 2
    assert {name for name, _, _ in asked} == {"plain"} and torch.equal(asked[0][2], pictures[0] * 0.5)
    asked.clear()
    find("positive_auc:picture=shown:classifier=defended").score(given)
    assert {(name, numbers) for name, numbers, _ in asked} == {("dds", (7, 9))} and torch.equal(asked[0][2], pictures[0])


def test_what_several_metrics_share_is_computed_once(monkeypatch):
    calls = []
    scores = segmentation.scores
    monkeypatch.setattr(segmentation, "scores", lambda *given: calls.append(1) or scores(*given))
    given = seen(torch.rand(1, 4, 4), masks=torch.ones(1, 8, 8, dtype=torch.int64))
    for name in ("pixel_accuracy", "miou", "map"):
        plugins.load("bench.metrics", name).score(given)
    assert len(calls) == 1


def test_totals_of_the_metrics_are_the_segmentation_s_own(rng):
    maps, masks = torch.rand(5, 4, 4, generator=rng), (torch.rand(5, 8, 8, generator=rng) > 0.5).long()
    totals = segmentation.totals(segmentation.scores(maps, masks))
    for name in ("pixel_accuracy", "miou", "map", "map_foreground", "f1"):
        metric = plugins.load("bench.metrics", name)
        assert metric.total(metric.score(seen(maps, masks=masks)).mean(0)) == pytest.approx(totals[name])


def test_recorded_pixel_accuracy():
    saved = tensors("segmentation_metrics/segmentation.npz")
    rows = segmentation.scores(saved["heat14"], saved["mask"].long())
    assert [row["labeled"] for row in rows] == saved["labeled"].flatten().long().tolist()
    assert (
        max(abs(row["correct"] - int(right)) for row, right in zip(rows, saved["correct"].flatten(), strict=True)) <= 2
    )  # at the threshold
    assert len(json.loads(need("segmentation_metrics/segmentation.cases.json").read_text()))


def test_a_map_shares_all_with_itself_and_nothing_with_its_opposite(rng):
    a = torch.rand(3, 4, 5, generator=rng)
    left, right = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)
    left[:, :, :2], right[:, :, 2:] = 1.0, 3.0
    assert topk(a, a, 7).tolist() == shared_relevance(a, 9 * a).round(decimals=6).tolist() == [1.0] * 3
    assert torch.allclose(cosine(a, 9 * a), torch.ones(3, dtype=torch.float64))
    assert topk(left, right, 8).item() == shared_relevance(left, right).item() == cosine(left, right).item() == 0.0


def test_shares_by_hand():
    a, b = torch.tensor([[[4.0, 3.0], [2.0, 1.0]]]), torch.tensor([[[4.0, 0.0], [0.0, 0.0]]])
    assert [topk(a, torch.tensor([[[1.0, 4.0], [2.0, 3.0]]]), k).item() for k in (1, 2, 3, 4)] == [0.0, 1 / 2, 2 / 3, 1.0]
    assert abs(shared_relevance(a, b).item() - 0.4) < 1e-9 and shared_relevance(a, b) == shared_relevance(b, a)
    assert abs(cosine(a, b).item() - 4 / 30**0.5) < 1e-9


def test_a_map_of_nothing_counts_as_uniform_and_negative_relevance_as_none():
    nothing, spread, b = torch.zeros(1, 2, 2), torch.full((1, 2, 2), 0.5), torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    assert shared_relevance(nothing, spread).item() == 1.0 and shared_relevance(nothing, b).item() == 0.25
    assert cosine(nothing, b).item() == cosine(spread, b).item() == 0.5
    assert shared_relevance(torch.tensor([[[2.0, -5.0], [0.0, -1.0]]]), b).item() == 1.0


def test_equal_cells_rank_in_reading_order():
    a, b = torch.ones(1, 8, 8), torch.arange(64.0).reshape(1, 8, 8)
    assert topk(a, -b, 5).item() == 1.0 and topk(a, b, 5).item() == 0.0
    assert topk(a, b, 40).item() == 16 / 40


@pytest.mark.usefixtures("any_shape")
@pytest.mark.parametrize(
    "a, b, k, said",
    [
        (torch.rand(1, 2, 2), torch.rand(1, 2, 3), 1, "one grid"),
        (torch.rand(1, 2, 2), torch.full((1, 2, 2), torch.nan), 1, "NaN"),
        (torch.rand(1, 2, 2), torch.rand(1, 2, 2), 5, "from 1 to 4"),
        (torch.rand(1, 2, 2), torch.rand(1, 2, 2), 0, "from 1 to 4"),
    ],
)
def test_refused_pairs(a, b, k, said):
    with pytest.raises(FvitError, match=said):
        topk(a, b, k)
