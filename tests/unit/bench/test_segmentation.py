"""Segmentation metrics: the reference's recorded numbers, and what they must be where that can be said."""

import numpy as np
import pytest
import torch

from bench.metrics.segmentation import _row_f1, columns, foreground, iou, relevance, scores, totals
from bench.records.stats import bootstrap
from helpers.oracle import arrays, tensors
from runtime.errors import FvitError

ORACLE = "segmentation_metrics/segmentation.npz"
PIXELS = 2  # next to the threshold; the README's tolerances
AP, F1 = 1e-6, 1e-3


def recorded() -> list[dict]:
    saved = tensors(ORACLE)
    return scores(saved["heat14"], saved["mask"].long())


def test_every_recorded_picture():
    saved, rows = arrays(ORACLE), recorded()
    for name in ("correct", "labeled", "inter", "union"):
        assert np.abs(np.array([row[name] for row in rows]) - saved[name]).max() <= (0 if name == "labeled" else PIXELS), name
    assert np.abs(np.array([row["ap"] for row in rows]) - saved["ap"]).max() < AP
    undefined = np.isnan(saved["f1_mean"])
    assert [row["f1"] is None for row in rows] == undefined.tolist() and undefined.sum() == 1
    assert max(abs(row["f1"] - wanted) for row, wanted in zip(rows, saved["f1_mean"], strict=True) if row["f1"] is not None) < F1


def test_recorded_thresholds_and_rows():
    saved = tensors(ORACLE)
    ordinary = torch.tensor([i for i in range(len(saved["mask"])) if not saved["f1_mean"][i].isnan() and not saved["threshold"][i].isnan()])
    ranked = relevance(saved["heat14"][ordinary], (224, 224))
    found = foreground(ranked)
    assert (ranked.mean((1, 2)) - saved["threshold"][ordinary]).abs().max() < 1e-6
    assert (found.sum((1, 2)) - saved["fg_pixels"][ordinary]).abs().max() <= PIXELS
    rows = torch.stack([_row_f1(*pair) for pair in zip(found, saved["mask"][ordinary] == 1, strict=True)])
    assert (rows - saved["f1_rows"][ordinary]).abs().mean() < F1


def test_recorded_f1_of_rows():
    saved = tensors(ORACLE)
    assert torch.allclose(_row_f1(saved["f1_pred"] == 1, saved["f1_target"] == 1), saved["f1_scores"], atol=1e-12)


def test_recorded_running_totals():
    saved, rows = arrays(ORACLE), recorded()
    for i, wanted in enumerate(saved["running_pixAcc_mIoU_mAP_mF1_IoUbg_IoUfg"]):
        found = totals(rows[: i + 1])
        assert abs(found["pixel_accuracy"] - wanted[0]) < 1e-4 and abs(found["miou"] - wanted[1]) < 1e-4, i
        assert abs(found["map"] - wanted[2]) < AP and abs(found["f1"] - wanted[3]) < F1, i


def test_a_recorded_map_of_full_size():
    saved = tensors(ORACLE)
    (row,) = scores(saved["full_rank"].float(), saved["mask"][:1].long())
    assert (row["correct"], row["labeled"]) == (int(saved["full_correct"]), int(saved["full_labeled"]))
    assert row["inter"] == saved["full_inter"].tolist() and row["union"] == saved["full_union"].tolist()
    assert abs(row["ap"] - saved["full_ap"]) < AP and abs(row["f1"] - saved["full_f1_rows"].mean()) < F1


def test_the_mask_as_its_own_map_is_perfect_and_its_opposite_the_worst():
    mask = torch.zeros(1, 6, 8, dtype=torch.int64)
    mask[0, :, 3:5] = 1  # foreground in every row: the mean over rows can be 1
    best, worst = totals(scores(mask.double(), mask)), totals(scores(-mask.double(), mask))
    assert set(best.values()) == {1.0}
    assert worst["pixel_accuracy"] == worst["miou"] == worst["f1"] == 0.0
    assert worst["map_foreground"] == 12 / 48  # the mask's share: its pixels come last, all at once


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -3.3])
def test_a_constant_map_is_all_background_at_any_size(value):
    mask = torch.zeros(1, 13, 11, dtype=torch.int64)
    mask[0, :5, :4] = 1
    (row,) = scores(torch.full((1, 5, 3), value), mask)
    assert row["correct"] == 143 - 20 and row["inter"] == [123, 0] and row["union"] == [143, 20]
    assert row["ap"] == 0.5 and row["ap_foreground"] == 20 / 143 and row["f1"] == 0.0


def test_average_precision_with_ties_by_its_definition(rng):
    maps = torch.randint(0, 5, (4, 9, 7), generator=rng).double()
    masks = torch.randint(-1, 2, (4, 9, 7), generator=rng)
    for values, mask, row in zip(maps / 4, masks, scores(maps, masks), strict=True):
        counted, wanted = values[mask >= 0], mask[mask >= 0] == 1
        assert abs(row["ap_foreground"] - by_definition(counted, wanted)) < 1e-9
        assert abs(row["ap"] - by_definition(torch.cat([1 - counted, counted]), torch.cat([~wanted, wanted]))) < 1e-9


def by_definition(values, wanted) -> float:
    """sum_n (R_n - R_{n-1}) P_n over the distinct values, the largest first."""
    area, recall = 0.0, 0.0
    for value in values.unique().flip(0):
        chosen = values >= value
        now = (wanted & chosen).sum().item() / wanted.sum().item()
        area, recall = area + (now - recall) * (wanted & chosen).sum().item() / chosen.sum().item(), now
    return area


def test_ignored_pixels_count_nowhere(rng):
    maps, masks = torch.rand(1, 8, 8, generator=rng), torch.randint(0, 2, (1, 8, 8), generator=rng)
    half = masks.clone()
    half[:, 4:] = -1
    turned = torch.where(half < 0, -1, half)
    (row,), (whole,) = scores(maps, turned), scores(maps, masks)
    inside, wanted = foreground(relevance(maps, (8, 8)))[0, :4], masks[0, :4] == 1
    assert row["labeled"] == 32 and row["correct"] == int((inside == wanted).sum()) < whole["correct"]
    assert row["inter"][1] == int((inside & wanted).sum()) and row["union"][1] == int((inside | wanted).sum())
    assert row["f1"] is None and row["ap"] != whole["ap"]


def test_totals_sum_counts_before_they_divide_and_leave_out_what_is_missing():
    small = {"correct": 1, "labeled": 2, "inter": [1, 0], "union": [2, 1], "ap": 0.2, "ap_foreground": None, "f1": None}
    large = {"correct": 8, "labeled": 8, "inter": [4, 4], "union": [4, 4], "ap": 0.8, "ap_foreground": 0.6, "f1": 0.4}
    assert totals([small, large]) == pytest.approx(
        {"pixel_accuracy": 9 / 10, "miou": (5 / 6 + 4 / 5) / 2, "map": 0.5, "map_foreground": 0.6, "f1": 0.4}
    )
    assert totals([small])["f1"] is None and totals([small])["map_foreground"] is None


def test_intervals_are_those_of_the_totals():
    rows = recorded()[:8]
    value, low, high = bootstrap(columns(rows), lambda means: iou(means[..., 2:6]), seed=0, samples=200)
    assert value == totals(rows)["miou"] and low < value < high


def test_one_picture_at_a_time_is_the_batch():
    saved = tensors(ORACLE)
    alone = [scores(saved["heat14"][i : i + 1], saved["mask"][i : i + 1].long())[0] for i in range(3)]
    assert alone == scores(saved["heat14"][:3], saved["mask"][:3].long())


MASK = torch.ones(1, 4, 4, dtype=torch.int64)


@pytest.mark.usefixtures("any_shape")
@pytest.mark.parametrize(
    "maps, masks, said",
    [
        (torch.full((1, 2, 2), torch.nan), MASK, "sets it to 0"),
        (torch.full((1, 2, 2), torch.inf), MASK, "NaN or infinity"),
        (torch.rand(2, 2, 2), MASK, "one map for each picture"),
        (torch.rand(1, 2, 2), 255 * MASK, "-1 .ignored., 0 and 1"),
        (torch.rand(1, 2, 2), MASK.float(), "whole numbers"),
        (torch.rand(1, 2, 2), -MASK, "no labelled pixel"),
    ],
)
def test_refused(maps, masks, said):
    with pytest.raises(FvitError, match=said):
        scores(maps, masks)


def test_no_picture_is_refused():
    with pytest.raises(FvitError, match="no picture"):
        totals([])
