"""PGD on the expectation over the defence's randomness (Athalye et al. 2018, section 4.2): the whole gradient, denoiser included.

g = 1/m sum_j grad CE(f_j(x), y)  over m fresh draws a step; f_j as in `_target.py`
"""

from bench.attacks._ascent import ascend
from bench.attacks._budget import Budget
from bench.attacks._target import Target, defended, draws
from bench.attacks._variant import Variant
from bench.protocols import Attack

VARIANTS = {
    "eot_pgd": Variant(through=True),
    "eot_pgd_20": Variant(through=True, samples=20),
    "eot_pgd_fixed": Variant(through=True, fixed=True),
}


def build(target: Target, budget: Budget) -> Attack:
    """The adaptive attack on a denoiser with gradients; a target without a defence is refused."""
    return ascend("eot_pgd", draws(target.scores, defended("eot_pgd", target), budget.seed), budget)
