"""Metrics against the recorded ones of Transformer-Explainability."""

import json

import torch
from oracle import need, tensors

from bench.metrics.pixel_accuracy import counts, pixel_accuracy


def test_recorded_pixel_accuracy():
    saved = tensors("segmentation_metrics/segmentation.npz")
    correct, labelled = counts(saved["heat14"], saved["mask"].long())
    assert torch.equal(labelled, saved["labeled"].flatten().long())
    assert (correct - saved["correct"].flatten()).abs().max() <= 2  # pixels next to the threshold
    assert len(json.loads(need("segmentation_metrics/segmentation.cases.json").read_text()))


def test_a_constant_map_is_all_background():
    mask = torch.tensor([[[1, 0], [0, -1]]])
    assert pixel_accuracy(torch.ones(1, 2, 2), mask).item() == 2 / 3
