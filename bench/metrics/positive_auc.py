"""Area under the accuracy as pixels are blackened, the most relevant first, `bench/metrics/perturbation.py`: a good map has a small one."""

from jaxtyping import Float
from numpy import ndarray

from bench.metrics import perturbation
from bench.protocols import MetricInput

NEEDS, SHOWN, HIGHER_IS_BETTER = ("classify",), "pos. AUC", False
CHOICES = perturbation.CHOICES


def score(seen: MetricInput, picture: str = "clean", classifier: str = "undefended") -> Float[ndarray, "B 10"]:
    return perturbation.hits(seen, True, picture, classifier)


def total(means: Float[ndarray, "*S 10"], zero: bool = False, divided: bool = True) -> Float[ndarray, "*S"]:
    return perturbation.area(means, zero, divided)
