"""Area under the undefended classifier's accuracy as pixels are blackened, the most relevant first: a good map has a small one."""

from jaxtyping import Float
from numpy import ndarray

from bench.metrics import perturbation
from bench.protocols import MetricInput

NEEDS, SHOWN, HIGHER_IS_BETTER = ("classify",), "pos. AUC", False


def score(seen: MetricInput) -> Float[ndarray, "B 1"]:
    return perturbation.areas(seen, positive=True)[:, None]


def total(means: Float[ndarray, "*S 1"]) -> Float[ndarray, "*S"]:
    return means[..., 0]
