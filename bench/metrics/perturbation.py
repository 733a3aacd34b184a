"""Positive and negative perturbation (Chefer et al. 2021, section 4): pixels are masked by relevance and the label is watched.

    x_s = x with its first k = int(H W s) pixels set to `value`,   hits(s) = [classifier(x_s) = target],   AUC = area under hits(s)

Positive masks the most relevant pixels first: a good map loses the label soon, a small AUC. Negative masks the least relevant first: a
good map keeps it, a large AUC. A pixel is whole, all its channels; maps are upsampled (bilinear). Pixels of equal relevance go in reading
order, whatever the machine, so a constant map masks from the top down both ways.

The paper erases "between 10 % and 90 % of the pixels" and does not say which classifier is asked of which picture. The default is the public
evaluation's: the undefended classifier and the clean picture, erased by the shown (attacked) picture's map. On an attacked picture the
undefended classifier is wrong before anything is erased, which hides the map; a classifier that still answers there is the defended one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from torch import Tensor

from bench.metrics._checks import check_maps
from bench.protocols import MetricInput
from runtime.errors import FvitError
from runtime.pictures import check, resize

STEPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # the paper's
CHOICES = {"picture": ("clean", "shown"), "classifier": ("undefended", "defended")}  # of the two metrics that are made of `hits`

Classify = Callable[[Float[Tensor, "B C H W"], Sequence[int]], Int[Tensor, " B"]]  # pictures and their numbers -> labels, defended or not


@dataclass(frozen=True)
class CurveOptions:
    """`positive`: the most relevant first. `steps`: shares of the pixels in [0, 1] (float) or numbers of pixels (int), rising.

    `with_zero`: a step of the whole picture comes first, s = 0; the reference leaves it out. `value` of a masked pixel, 0 is black.
    """

    positive: bool = True
    with_zero: bool = False
    value: float = 0.0
    steps: tuple[float, ...] | tuple[int, ...] = STEPS

    def __post_init__(self):
        x = self.x
        if len({type(step) for step in self.steps}) != 1 or any(not a < b for a, b in pairwise(x)):
            raise FvitError(
                f"steps {self.steps} given; rising shares (0.1, 0.2, ...) or rising numbers of pixels (500, 1000, ...) are expected"
            )
        if not 0.0 <= self.value <= 1.0:
            raise FvitError(f"masked pixels of {self.value} given; a value in [0, 1] is expected, 0 is black")

    @property
    def x(self) -> tuple[float, ...]:
        """Where the curve has its points: `steps`, with 0 in front where the whole picture is one."""
        return (type(self.steps[0])(0), *self.steps) if self.with_zero and self.steps else self.steps


def curve(
    classify: Classify,
    images: Float[Tensor, "B C H W"],
    numbers: Sequence[int],
    targets: Int[Tensor, " B"],
    maps: Float[Tensor, "B G1 G2"],
    options: CurveOptions,
) -> Bool[Tensor, "S B"]:
    """Whether each masked picture still gets its target label, per step; picture `numbers` seed a defended `classify`'s noise."""
    check(images)
    if not len(images) == len(numbers) == len(targets):
        raise FvitError(
            f"{len(images)} pictures, {len(numbers)} numbers, {len(targets)} targets given; one of each for each picture is expected"
        )
    order = _order(maps, images, options.positive)
    hits = [_labels(classify, _covered(images, order, step, options.value), numbers) == targets.to(images.device) for step in options.x]
    return torch.stack(hits)


def hits(seen: MetricInput, positive: bool, picture: str, classifier: str) -> Float[ndarray, "B S"]:
    """Whether each picture keeps its right label at the shares 0, 0.1, ..., 0.9 of its pixels; several metrics share it.

    `picture` clean: the clean picture, its pixels in the order of the shown picture's map (as the public evaluation does); shown: the
    picture as it was shown. `classifier`: undefended, or the trial's own defence.
    """
    images, classify = (seen.clean if picture == "clean" else seen.images), (seen.classify if classifier == "undefended" else seen.defend)
    assert images is not None and classify is not None
    options = CurveOptions(positive, with_zero=True)
    name = f"hits {positive} {picture} {classifier}"
    numbers = seen.numbers or range(len(images))
    return seen.once(name, lambda: curve(classify, images, numbers, seen.labels, seen.maps, options).T.double().cpu().numpy())


def area(means: Float[ndarray, "*S P"], zero: bool, divided: bool) -> Float[ndarray, "*S"]:
    """Area under the mean of `hits` from 10 to 90 %, or from `zero`; `divided` by that range, so that a label never lost has 1."""
    x = np.array([0.0, *STEPS])[0 if zero else 1 :]
    found = np.asarray(np.trapezoid(means[..., -len(x) :], x, axis=-1))
    return np.asarray(found / (x[-1] - x[0])) if divided else found


def masked(
    images: Float[Tensor, "B C H W"],
    maps: Float[Tensor, "B G1 G2"],
    fraction_or_count: float | int,
    most_relevant_first: bool,
    value: float = 0.0,
) -> Float[Tensor, "B C H W"]:
    """`images` with that share (float: int(H W share), rounded down) or that number (int) of their pixels set to `value`."""
    return _covered(images, _order(maps, images, most_relevant_first), fraction_or_count, value)


def auc(curve: Tensor, x: Sequence[float] | None = None) -> float:
    """Area under the mean over pictures of `curve` (S, B), by trapezoids, over the range of x: 1 for a label never lost."""
    return float(aucs(curve, x).mean())


def aucs(curve: Tensor, x: Sequence[float] | None = None) -> Float[ndarray, " B"]:
    """The area of each picture. `x`: `CurveOptions.x`; steps are evenly spaced where it is not given."""
    x = range(len(curve)) if x is None else x
    if len(curve) < 2 or len(x) != len(curve):
        raise FvitError(f"a curve of {len(curve)} steps at {len(x)} places given; 2 or more steps are expected, one place for each")
    return np.trapezoid(curve.double().cpu().numpy(), np.asarray(x, dtype=float), axis=0) / (x[-1] - x[0])


def _order(maps: Tensor, images: Tensor, most_relevant_first: bool) -> Int[Tensor, "B P"]:
    """Each picture's pixels in the order in which they are masked."""
    check_maps(maps, len(images))
    shown = resize(maps.to(images.device)[:, None], (images.shape[2], images.shape[3])).flatten(1)
    return shown.argsort(dim=1, descending=most_relevant_first, stable=True)


def _covered(images: Tensor, order: Int[Tensor, "B P"], step: float | int, value: float) -> Float[Tensor, "B C H W"]:
    pixels = order.shape[1]
    count = step if isinstance(step, int) else int(pixels * step)
    if not 0 <= count <= pixels:
        raise FvitError(
            f"{step!r} of {pixels} pixels to mask given; a share from 0.0 to 1.0 or a whole number of pixels up to {pixels} is expected"
        )
    cover = torch.zeros_like(order, dtype=torch.bool).scatter_(1, order[:, :count], True)
    return images.masked_fill(cover.reshape(len(images), 1, *images.shape[2:]), value)


def _labels(classify: Classify, images: Tensor, numbers: Sequence[int]) -> Int[Tensor, " B"]:
    labels = classify(images, numbers)
    if labels.shape != (len(images),) or labels.is_floating_point():
        raise FvitError(
            f"labels {tuple(labels.shape)} {labels.dtype} given of {len(images)} pictures; one whole number each is expected: argmax the scores"
        )
    return labels.to(images.device)
