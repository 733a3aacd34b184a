"""Four ways to make one map of the draws: what the maps with the larger certified radius cost in segmentation, stability and perturbation."""

from collections.abc import Sequence
from dataclasses import replace

from bench.trials.grid import ADAPTIVE, Cell, Grid, Value, at, title
from bench.trials.settings import Settings
from bench.trials.trial import Trial
from bench.worlds.attack import Threat

DRAWS = 100
FUSES = ("mean", "capped_mean", "vote", "median")
CLEAN, ATTACKED = "clean pictures", "under PGD l_inf 8/255"
METRICS = {
    CLEAN: ("pixel_accuracy", "miou", "map", "positive_auc", "negative_auc", "topk", "shared_relevance"),
    ATTACKED: ("pixel_accuracy", "miou", "topk", "shared_relevance"),
}
ABOUT = f"""One network on one data set behind DDS, VTA's maps of the same {DRAWS} draws, on at most {ADAPTIVE} pictures. `mean`: of the draws'
normalised maps. `capped_mean`: of maps whose cells were cut at 8 times the even share, which is what `fvit certify` certifies by thresholds.
`vote`: how often a cell is among the 8 largest of its draw's own map. `median`: cell by cell. Vote and median have larger certified radii (page of
`fvit certify`) and are other explanations. Maps against the object's mask; AUC: the undefended classifier's accuracy as pixels are blackened, the
most relevant first (positive: small is good) or last (negative: large is good); V_8 and shared relevance against the clean picture's map with
fresh noise, so on clean pictures they are what the noise alone moves. PGD sees the undefended network: a transfer attack."""


def cells(settings: Settings) -> list[Cell]:
    scene = settings.scene
    defence = settings.made.defence(seed=settings.seed, draws=settings.small(DRAWS, 2))
    clean = Trial(scene.main, scene.task, min(settings.n, ADAPTIVE), defence=defence)
    threat = Threat("pgd", "linf", 8 / 255, settings.made.rule_for(scene.task))
    trials = {CLEAN: clean, ATTACKED: replace(clean, threat=threat)}
    found = []
    for group, metrics in METRICS.items():
        for fuse in FUSES:
            for metric in metrics:
                method = "ours" if fuse == FUSES[0] else fuse
                found.append(
                    Cell(f"`{fuse}`", title(metric), metric, trials[group], f"vta@{fuse}", group=group, family="vta", method=method)
                )
    return found


def says(values: Sequence[Value]) -> str | None:
    """Pixel accuracy on clean pictures and V_8 under attack of every map."""
    told = []
    for fuse in FUSES:
        row = f"`{fuse}`"
        pair = at(values, row=row, group=CLEAN, metric="pixel_accuracy"), at(values, row=row, group=ATTACKED, metric="topk")
        if pair[0] is None or pair[1] is None:
            return None
        told.append(f"{fuse} {pair[0].number.value:.3f} and {pair[1].number.value:.2f}")  # type: ignore[union-attr]
    return f"Pixel accuracy on clean pictures and V_8 under PGD: {'; '.join(told)}."


TABLE = Grid("fuses", "Maps of the draws", ABOUT, cells, says)
