"""How alike the maps of a picture and of its attacked twin are, method by method: Tables 5 and 6."""

from dataclasses import replace
from typing import Any

from bench.protocols import OURS
from bench.tables._rows import ours
from bench.trials.grid import Cell, methods, title
from bench.trials.settings import Settings
from bench.trials.trial import Trial
from bench.worlds.attack import Threat

READINGS = ("s_faith", "s_faith:average=reciprocal", "s_faith_mask", "s_faith_mask:average=reciprocal")
METRICS = (*READINGS, "shared_relevance", "topk")
FLOOR = "no attack, fresh noise"
SAME = f"{OURS}, same noise"
DEFINED = """S_Faith is one over the mean absolute difference of two maps on [0, 1]. The caption says 'the ground-truth heat map and the
predicted one': read once as the same method's map of the clean picture, once as the object's mask. It does not say how pictures are averaged:
once one over the mean difference, once (`reciprocal average`) the mean of the reciprocals over the pictures whose maps differ. `shared
relevance` is ours: 1 - |a - b|_1 / 2 of the maps as distributions (1: the map did not move). V_8: the share of the 8 most relevant cells that
stay (Definition 4.1), which the paper does not report. Ours looks at the two pictures with fresh noise each; `no attack, fresh noise` is what
the noise alone moves, and the row `same noise` how much steadier the defence looks when both pictures get the same draws. Each map explains
the label given to its own picture, so where the attack turns an undefended label, another class is explained. `random` draws every
picture's map anew: what maps score that have nothing to do with each other."""


def cells(
    settings: Settings, threat: Threat | None, column: str, metrics: tuple[str, ...] = METRICS, printed: tuple[str, ...] = ()
) -> list[Cell]:
    """Each method under one attack (None: none), one network on one data set; `printed`: names of our S_Faith's cell in the paper."""
    scene = settings.scene
    plain = Trial(scene.main, scene.task, settings.n, threat=threat)
    attack: dict[str, Any] = {"family": threat.attack, "radius": threat.eps, "norm": threat.norm} if threat else {"family": FLOOR}
    rows = [(method, method, plain, spec) for method, spec in methods(settings).items()]
    defended = [(shown, method, replace(plain, defence=defence), "vta") for shown, method, defence in ours(settings)]
    rows += [*defended, (SAME, "same noise", replace(defended[0][2], same_noise=True), "vta")]
    found = []
    for metric in metrics:
        for row, method, trial, spec in rows:
            paper = printed if method == "ours" and metric in READINGS else ()
            found.append(Cell(row, column, metric, trial, spec, group=title(metric), method=method, printed=paper, **attack))
    return found
