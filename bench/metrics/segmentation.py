"""A map as a segmentation (Chefer et al. 2021, section 4; the evaluation of their repository): pixel accuracy, mIoU, mAP, F1.

The map is brought to the mask's size (bilinear) and to r = (x - min) / (max - min), picture by picture; foreground is r > mean(r).

    pixel accuracy = sum correct / sum labelled        mIoU = mean over background, foreground of  sum inter / sum union
    mAP = mean over pictures of AP                     F1 = mean over pictures of the mean over the mask's ROWS of a row's F1

Counts are summed over the pictures before they are divided, AP and F1 are averaged. AP is scikit-learn's. Their AP ranks both channels,
[1 - r, r] against [background, foreground], as one list of 2 H W scores; `ap_foreground` ranks r against the foreground alone.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from sklearn.metrics import average_precision_score
from torch import Tensor

from bench.metrics._checks import check_maps
from bench.protocols import MetricInput
from runtime.errors import FvitError
from runtime.pictures import resize


def scores(maps: Float[Tensor, "B G1 G2"], masks: Int[Tensor, "B H W"]) -> list[dict]:
    """The plain numbers of each picture; `masks` hold 1 on the object, 0 around it, -1 where nothing counts.

    `correct` and `labeled` pixels; `inter` and `union`, each [background, foreground]; `ap`; `ap_foreground`, None where the mask has no
    foreground; `f1`, None where the mask has a -1 (a row's F1 is undefined there, and the reference stops); rows with nothing to find count 0.
    """
    check_maps(maps, len(masks))
    _check_masks(masks)
    ranked = relevance(maps, (masks.shape[1], masks.shape[2]))
    found = foreground(ranked)
    return [_one(*picture) for picture in zip(ranked.cpu(), found.cpu(), masks.cpu(), strict=True)]


def totals(rows: Sequence[dict]) -> dict[str, float | None]:
    """`pixel_accuracy`, `miou`, `map`, `map_foreground` and `f1` of the pictures whose `scores` are `rows`.

    The last two are averaged over the pictures that have them, and None where none has.
    """
    if not rows:
        raise FvitError("no picture given; the scores of one or more are expected")
    return rates(columns(rows).mean(0))


def relevance(maps: Float[Tensor, "B G1 G2"], size: tuple[int, int]) -> Float[Tensor, "B H W"]:
    """Maps at the masks' size in [0, 1]. A constant one (0 / 0) is 0.5 everywhere: nothing above its mean, all ranks tied, AP 0.5."""
    maps = maps.float()
    constant = maps.amax((1, 2), keepdim=True) == maps.amin((1, 2), keepdim=True)  # asked here: the resize may be off in the last bit
    shown = resize(maps[:, None], size)[:, 0]
    low, high = shown.amin((1, 2), keepdim=True), shown.amax((1, 2), keepdim=True)
    return torch.where(constant | (high == low), 0.5, (shown - low) / (high - low))


def foreground(ranked: Float[Tensor, "B H W"]) -> Bool[Tensor, "B H W"]:
    """What lies strictly above its map's mean."""
    return ranked > ranked.mean((1, 2), keepdim=True)


def of(seen: MetricInput) -> list[dict]:
    """`scores` of these maps, computed once for all the metrics here."""
    assert seen.masks is not None
    masks = seen.masks
    return seen.once("segmentation", lambda: scores(seen.maps, masks))


def iou(means: Float[ndarray, "*S 4"]) -> Float[ndarray, "*S"]:
    """mIoU from the mean of [inter, inter, union, union]; a class that no pixel has or is given counts 0."""
    each = rate(means[..., :2], means[..., 2:], nothing=0.0)
    return np.asarray((each[..., 0] + each[..., 1]) / 2)


def rate(part: Float[ndarray, "*S"], whole: Float[ndarray, "*S"], nothing: float = math.nan) -> Float[ndarray, "*S"]:
    """part / whole; `nothing` where the whole is 0."""
    return np.divide(part, whole, out=np.full_like(part, nothing), where=whole != 0)


def columns(pictures: Sequence[dict]) -> Float[ndarray, "N 11"]:
    """`scores` as numbers that can be averaged over pictures, for `bench.records.stats.bootstrap`; what is None adds 0 to a sum and to its count."""
    return np.array([
        [one["correct"], one["labeled"], *one["inter"], *one["union"], one["ap"], *counted(one["ap_foreground"]), *counted(one["f1"])]
        for one in pictures
    ])  # fmt: skip


def rates(means: Float[ndarray, " 11"]) -> dict[str, float | None]:
    """The totals from the mean of `columns`; a class that no pixel has or is given counts 0, None is what no picture has."""
    correct, labeled, *areas, ap, foregrounds, with_foreground, f1, with_f1 = means.tolist()
    return {
        "pixel_accuracy": correct / labeled,
        "miou": float(iou(np.array(areas))),
        "map": ap,
        "map_foreground": foregrounds / with_foreground if with_foreground else None,
        "f1": f1 / with_f1 if with_f1 else None,
    }


def _one(ranked: Float[Tensor, "H W"], found: Bool[Tensor, "H W"], mask: Int[Tensor, "H W"]) -> dict:
    counted, wanted = mask >= 0, mask == 1
    hit, only_found, only_wanted, neither = (
        int((pixels & counted).sum()) for pixels in (found & wanted, found & ~wanted, ~found & wanted, ~(found | wanted))
    )
    values, labels = ranked[counted].numpy(), wanted[counted].numpy()
    both = np.concatenate([1 - values, values]), np.concatenate([~labels, labels])
    missed = only_found + only_wanted
    return {
        "correct": hit + neither,
        "labeled": int(counted.sum()),
        "inter": [neither, hit],
        "union": [neither + missed, hit + missed],
        "ap": float(average_precision_score(both[1], both[0])),
        "ap_foreground": float(average_precision_score(labels, values)) if labels.any() else None,
        "f1": float(_row_f1(found, wanted).mean()) if bool(counted.all()) else None,
    }


def _row_f1(found: Bool[Tensor, "H W"], wanted: Bool[Tensor, "H W"]) -> Float[Tensor, " H"]:
    """2 |found and wanted| / (|found| + |wanted|) of each row, 0 where both are empty."""
    return 2 * (found & wanted).sum(1).double() / (found.sum(1) + wanted.sum(1)).clamp_min(1)


def counted(value: float | None) -> tuple[float, float]:
    """A value and that it counts, or neither."""
    return (0.0, 0.0) if value is None else (value, 1.0)


def _check_masks(masks: Tensor) -> None:
    if masks.ndim != 3 or masks.is_floating_point() or not bool(((masks >= -1) & (masks <= 1)).all()):
        values = masks.unique()[:8].tolist()
        raise FvitError(
            f"masks {tuple(masks.shape)} {masks.dtype} with {values} given; whole numbers (B, H, W) of -1 (ignored), 0 and 1 are expected"
        )
    if bool((empty := (masks < 0).flatten(1).all(1)).any()):
        raise FvitError(f"mask {int(empty.nonzero()[0])} of {len(masks)} has no labelled pixel; leave that picture out")
