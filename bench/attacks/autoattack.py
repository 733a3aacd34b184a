"""AutoAttack's manner (Croce and Hein 2020): several attacks in a row, each on the pictures that the ones before left classified rightly.

Without a defence: APGD-CE, APGD-DLR, Square (linf alone), `budget.steps` steps and 50 times as many queries, their proportion in AutoAttack.
With `target.defence`, the `rand` version: APGD-CE and APGD-DLR on the mean of `defence.samples` fresh draws a step (EOT), no Square.

What differs from the official sets: `standard` has the targeted APGD-T and FAB-T where this has the untargeted APGD-DLR, so that its robust
accuracy can be lower than this one's: what is measured here is an upper bound. Starts are uniform in the ball, not on its surface. `rand`
judges a point by one call; here by the mean scores of `samples` draws that no stage saw. In l2 there is no Square, below FEWEST classes no DLR.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bench.attacks._ascent import Aim, check, look, scored
from bench.attacks._budget import Budget
from bench.attacks._target import Target, draws
from bench.attacks._variant import Outcome, Variant
from bench.attacks.apgd import auto_pgd
from bench.attacks.square import margins, search
from bench.protocols import Attack, Scores

QUERIES = 50  # of Square, a step of APGD: AutoAttack has 5000 and 100
CLEAN, NONE, SQUARE = "clean", "", "square"
CE, DLR = "apgd-ce", "apgd-dlr"
FEWEST = 3  # classes: the untargeted DLR loss divides by the first score minus the third (the targeted one of the official set needs four)


VARIANTS = {
    "autoattack": Variant(steps=10),
    "autoattack_100": Variant(steps=100),  # and 5,000 queries, as the official set
    "autoattack_rand": Variant(steps=10, through=True),
}


def build(target: Target, budget: Budget) -> Attack:
    """A picture that is wrong already comes back as it is; one that nothing fools as APGD-CE's highest-loss point."""
    return lambda images, labels, pictures: stages(target, budget, images, labels, pictures)[0]


def outcome(target: Target, budget: Budget, images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Outcome:
    """The attack with what tells how far to believe it; `by`: a stage, `clean` (wrong before any attack), or "" (nothing fooled it)."""
    found, by = stages(target, budget, images, labels, pictures)
    blind = without_gradient(target, budget, images, labels, pictures)
    return Outcome(found, by, torch.tensor([number in blind for number in pictures]))


def stages(
    target: Target, budget: Budget, images: Tensor, labels: Tensor, pictures: Sequence[int]
) -> tuple[Float[Tensor, "B C H W"], tuple[str, ...]]:
    """The stages in a row, with the one that fooled each picture."""
    check("autoattack", images, labels, pictures)
    judge = _judge(target, budget)
    classes: list[int] = []

    def first(images: Tensor, pictures: Sequence[int]) -> Tensor:
        scores = judge(images, pictures)
        classes.append(scores.shape[1])
        return scores

    right = _right(first, images, labels, pictures)
    found, by = images.clone(), [NONE if good else CLEAN for good in right.tolist()]
    todo = _stages(target, budget)
    if classes[0] < FEWEST:
        del todo[DLR]
        warnings.warn(f"{classes[0]} classes: AutoAttack runs without its DLR stage, whose loss is made for {FEWEST} or more", stacklevel=2)
    for stage, attack in todo.items():
        rows = right.nonzero().flatten()
        if not len(rows):
            break
        numbers = [pictures[row] for row in rows.tolist()]
        made = attack(images[rows], labels[rows], numbers)
        still = _right(judge, made, labels[rows], numbers)
        taken = torch.ones_like(still) if stage == CE else ~still
        found[rows[taken]], right[rows] = made[taken], still
        for row in rows[~still].tolist():
            by[row] = stage
    return found, tuple(by)


def cautions(target: Target, budget: Budget, images: Tensor, labels: Tensor, pictures: Sequence[int], outcome: Outcome) -> list[str]:
    """What speaks against reading `outcome` as robustness, a sentence each, none where nothing does (in the manner of AutoAttack's checks)."""
    numbers = list(pictures)
    with torch.no_grad():
        first, second = (scored(target.scores, images, labels, numbers) for _ in range(2))
    blind = without_gradient(target, budget, images, labels, numbers)
    beyond = [number for number, stage in zip(numbers, outcome.by, strict=True) if stage == SQUARE]
    found = {
        "two calls of the classifier differ: it is randomised; give its noise as the target's defence, so that draws are averaged": (
            not torch.equal(first, second)
        ),
        f"the gradient is zero for pictures {blind}: the steps of APGD say nothing there; attack with square or through bpda": blind,
        f"square fooled pictures {beyond} that APGD did not: gradients mislead here; try bpda or another loss": beyond,
        "the scores of each picture lie in [0, 1] and add up to 1: they look like probabilities; give the scores before the softmax": (
            (first >= 0).all() and torch.allclose(first.sum(1), torch.ones_like(first[:, 0]), atol=1e-4)
        ),
        "no black-box stage ran: square searches in linf alone": budget.norm != "linf" and target.defence is None,
    }
    return [sentence for sentence, holds in found.items() if holds]


def without_gradient(target: Target, budget: Budget, images: Tensor, labels: Tensor, pictures: Sequence[int]) -> list[int]:
    """The pictures at which the loss has no slope at all."""
    seen = look(Aim("autoattack", labels, list(pictures)), lambda step: _classifiers(target, budget, step), 0, images)
    return [number for number, row in zip(pictures, seen.gradient, strict=True) if not row.any()]


def _stages(target: Target, budget: Budget) -> dict[str, Attack]:
    """In the order in which they run; APGD-DLR reads draws that APGD-CE did not."""
    shift = budget.steps + 1
    stages = {
        CE: auto_pgd("autoattack", partial(_classifiers, target, budget), budget, "ce"),
        DLR: auto_pgd("autoattack", lambda step: _classifiers(target, budget, shift + step), budget, "dlr"),
    }
    if target.defence is None and budget.norm == "linf":
        stages[SQUARE] = search("autoattack", target.scores, replace(budget, steps=QUERIES * budget.steps))
    return stages


def _classifiers(target: Target, budget: Budget, step: int) -> list[Scores]:
    """F_s of `step`: the classifier, or fresh draws of the defended one."""
    return [target.scores] if target.defence is None else list(draws(target.scores, target.defence, budget.seed)(step))


def _judge(target: Target, budget: Budget) -> Scores:
    """The mean scores of a step that no stage reads."""

    def mean(images: Tensor, pictures: Sequence[int]) -> Tensor:
        each = [scores(images, pictures) for scores in _classifiers(target, budget, 2 * (budget.steps + 1))]
        return torch.stack(each).mean(0)

    return mean


def _right(judge: Scores, images: Tensor, labels: Tensor, pictures: Sequence[int]) -> Bool[Tensor, " B"]:
    return margins("autoattack", judge, images, labels, pictures) >= 0
