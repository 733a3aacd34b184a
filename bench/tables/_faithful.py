"""How alike the maps of a picture and of its attacked twin are, method by method: Tables 5 and 6."""

from dataclasses import replace

from bench.protocols import OURS
from bench.trials.grid import METHODS, SHOWN, Cell
from bench.trials.run import Look
from bench.trials.scene import Settings

DEFINED = """S_Faith is not defined in what we have of the paper: we take the relevance that two l1-normalised maps share,
1 - |a - b|_1 / 2, of the attacked picture and of the clean one, both by the same method (1: the map did not move). V_8: the share of the 8 most
relevant cells that stay, the paper's own notion of stability, which it does not report. DDS looks at both pictures with the same draws of
noise. Each map explains the label given to its own picture, so where the attack turns an undefended label, another class is explained.
`random` draws every picture's map anew: what maps score that have nothing to do with each other."""


def cells(
    settings: Settings, attack: str, norm: str, eps: float, column: str, metrics: tuple[str, ...] = ("s_faith", "topk")
) -> list[Cell]:
    """Each method under one attack, one network on one data set."""
    base = Look(
        settings.scene.main, settings.scene.task, settings.n, settings.preset, attack, norm, eps, reference=True, seed=settings.seed
    )
    plain = replace(base, explainers=tuple(METHODS.values()))
    defended = replace(base, defence="dds", explainers=("vta",))
    found = []
    for metric in metrics:
        found += [Cell(method, column, metric, plain, spec, group=SHOWN[metric]) for method, spec in METHODS.items()]
        found.append(Cell(OURS, column, metric, defended, "vta", group=SHOWN[metric]))
    return found
