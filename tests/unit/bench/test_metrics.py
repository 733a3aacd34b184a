"""Metrics against the recorded ones of Transformer-Explainability; two maps against each other."""

import json

import numpy as np
import pytest
import torch

from bench.metrics import segmentation
from bench.metrics.overlap import cosine, s_faith, topk
from bench.protocols import MetricInput
from helpers.oracle import need, tensors
from runtime import plugins
from runtime.errors import FvitError


def seen(maps, **fields) -> MetricInput:
    return MetricInput(torch.rand(len(maps), 3, 8, 8), torch.zeros(len(maps), dtype=torch.int64), maps, **fields)


@pytest.mark.parametrize("name", plugins.names("bench.metrics"))
def test_every_metric_gives_numbers_per_picture_and_a_total_of_their_mean(name, rng):
    metric = plugins.load("bench.metrics", name)
    maps, masks = torch.rand(3, 4, 4, generator=rng), (torch.rand(3, 8, 8, generator=rng) > 0.5).long()
    given = {"masks": masks, "twin": maps.roll(1, 0), "classify": lambda images, numbers: torch.zeros(len(images), dtype=torch.int64)}
    rows = metric.score(seen(maps, **{need: given[need] for need in metric.NEEDS}))
    assert rows.shape[0] == 3 and rows.ndim == 2 and np.isfinite(rows).all()
    assert 0 <= metric.total(rows.mean(0)) <= 1 and metric.SHOWN and isinstance(metric.HIGHER_IS_BETTER, bool)


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
    assert topk(a, a, 7).tolist() == s_faith(a, 9 * a).round(decimals=6).tolist() == [1.0] * 3
    assert torch.allclose(cosine(a, 9 * a), torch.ones(3, dtype=torch.float64))
    assert topk(left, right, 8).item() == s_faith(left, right).item() == cosine(left, right).item() == 0.0


def test_shares_by_hand():
    a, b = torch.tensor([[[4.0, 3.0], [2.0, 1.0]]]), torch.tensor([[[4.0, 0.0], [0.0, 0.0]]])
    assert [topk(a, torch.tensor([[[1.0, 4.0], [2.0, 3.0]]]), k).item() for k in (1, 2, 3, 4)] == [0.0, 1 / 2, 2 / 3, 1.0]
    assert abs(s_faith(a, b).item() - 0.4) < 1e-9 and s_faith(a, b) == s_faith(b, a)
    assert abs(cosine(a, b).item() - 4 / 30**0.5) < 1e-9


def test_a_map_of_nothing_counts_as_uniform_and_negative_relevance_as_none():
    nothing, spread, b = torch.zeros(1, 2, 2), torch.full((1, 2, 2), 0.5), torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    assert s_faith(nothing, spread).item() == 1.0 and s_faith(nothing, b).item() == 0.25
    assert cosine(nothing, b).item() == cosine(spread, b).item() == 0.5
    assert s_faith(torch.tensor([[[2.0, -5.0], [0.0, -1.0]]]), b).item() == 1.0


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
