"""Metrics by name with their options: `miou`, `positive_auc:classifier=defended`."""

import functools
import inspect
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from jaxtyping import Float
from numpy import ndarray

from bench.protocols import MetricInput
from runtime import plugins
from runtime.errors import FvitError

PACKAGE = "bench.metrics"


@dataclass(frozen=True)
class MetricWithOptions:
    """A plugin of `bench/metrics` and the options that its `score` and `total` are called with."""

    plugin: ModuleType
    of_score: dict[str, Any]
    of_total: dict[str, Any]

    @property
    def needs(self) -> tuple[str, ...]:
        return self.plugin.NEEDS

    @property
    def higher_is_better(self) -> bool:
        return self.plugin.HIGHER_IS_BETTER

    @property
    def shown(self) -> str:
        """A column's title: the plugin's, and the options that were given."""
        told = ", ".join(_told(key, value) for key, value in (self.of_score | self.of_total).items())
        return self.plugin.SHOWN + (f" ({told})" if told else "")

    def score(self, seen: MetricInput) -> Float[ndarray, "B D"]:
        return self.plugin.score(seen, **self.of_score)

    def total(self, means: Float[ndarray, "*S D"]) -> Float[ndarray, "*S"]:
        """Along the last axis; NaN where no picture has the metric, infinity where it has no bound (S_Faith of equal maps)."""
        return self.plugin.total(means, **self.of_total)


@functools.cache
def find(spec: str) -> MetricWithOptions:
    """NAME or NAME:OPTION=VALUE:...; an unknown name, option or value is refused."""
    name, *words = spec.split(":")
    plugin = plugins.load(PACKAGE, name)
    score, total = _defaults(plugin.score), _defaults(plugin.total)
    options = plugins.options(name, words, score | total)
    for key, value in options.items():
        choices = getattr(plugin, "CHOICES", {}).get(key)
        if choices and value not in choices:
            raise FvitError(f"{name}:{key}={value} given; {' or '.join(choices)} is expected")
    return MetricWithOptions(
        plugin, {key: options[key] for key in score if key in options}, {key: options[key] for key in total if key in options}
    )


def _defaults(function: Any) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty}


def _told(key: str, value: Any) -> str:
    return ("" if value else "not ") + key.replace("_", " ") if isinstance(value, bool) else f"{value} {key}"
