"""How alike the maps of a picture and of its attacked twin are, method by method: Tables 5 and 6."""

from bench.protocols import OURS
from bench.trials.grid import Cell, methods, title
from bench.trials.settings import Settings
from bench.trials.trial import Trial
from bench.worlds.attack import Threat

DEFINED = """S_Faith is not defined in what we have of the paper: we take the relevance that two l1-normalised maps share,
1 - |a - b|_1 / 2, of the attacked picture and of the clean one, both by the same method (1: the map did not move). V_8: the share of the 8 most
relevant cells that stay, the paper's own notion of stability, which it does not report. DDS looks at both pictures with the same draws of
noise. Each map explains the label given to its own picture, so where the attack turns an undefended label, another class is explained.
`random` draws every picture's map anew: what maps score that have nothing to do with each other."""


def cells(settings: Settings, threat: Threat, column: str, metrics: tuple[str, ...] = ("s_faith", "topk")) -> list[Cell]:
    """Each method under one attack, one network on one data set."""
    scene = settings.scene
    plain = Trial(scene.main, scene.task, settings.n, threat=threat)
    defended = Trial(scene.main, scene.task, settings.n, threat=threat, defence=settings.made.defence(seed=settings.seed))
    found = []
    for metric in metrics:
        shared = {"group": title(metric), "family": threat.attack, "radius": threat.eps, "norm": threat.norm}
        for method, spec in methods(settings).items():
            found.append(Cell(method, column, metric, plain, spec, method=method, **shared))
        found.append(Cell(OURS, column, metric, defended, "vta", method="ours", **shared))
    return found
