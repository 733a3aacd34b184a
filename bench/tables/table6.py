"""Table 6: how far each method's maps move under PGD in l2 and l_inf, 2 to 10/255."""

import math
from collections.abc import Sequence

from bench.tables import _faithful
from bench.trials.grid import Cell, Grid, Value, title
from bench.trials.page import against_radius
from bench.trials.settings import Settings
from bench.worlds.attack import Threat

RADII = (2, 4, 6, 8, 10)
METRICS = (*_faithful.READINGS, "shared_relevance")
ABOUT = f"""Under PGD. {_faithful.DEFINED} The l2 radii are r/255 as printed: the whole picture moves by no more than one pixel does
under l_inf, so little happens. The printed cells stand beside each reading of S_Faith."""


def cells(settings: Settings) -> list[Cell]:
    found = _faithful.cells(settings, None, _faithful.FLOOR, METRICS)
    for norm in ("l2", "linf"):
        for radius in RADII:
            threat = Threat("pgd", norm, radius / 255, settings.made.rule_for(settings.scene.task))
            found += _faithful.cells(settings, threat, f"{norm} {radius}/255", METRICS, (norm, f"{radius}/255"))
    return found


def says(values: Sequence[Value]) -> str | None:
    """Which reading of S_Faith comes nearest to the printed scale."""
    own = [value for value in values if value.number and value.paper and value.cell.method == "ours"]
    apart = {
        metric: [abs(math.log(value.number.value / value.paper)) for value in own if value.cell.metric == metric]  # type: ignore[union-attr, operator]
        for metric in _faithful.READINGS
    }
    if not all(apart.values()):
        return None
    factors = {metric: math.exp(sum(logs) / len(logs)) for metric, logs in apart.items()}
    told = ", ".join(f"{title(metric)} {factor:.1f}" for metric, factor in sorted(factors.items(), key=lambda pair: pair[1]))
    return f"Factor between our S_Faith and the printed one (geometric mean over the cells), nearest reading first: {told}."


def plot(values: Sequence[Value]) -> bytes:
    return against_radius([value for value in values if value.cell.metric == "shared_relevance"])


TABLE = Grid("6", "S_Faith against the radius", ABOUT, cells, says, plot=plot)
