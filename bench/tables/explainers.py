"""Every explainer with and without DDS: maps against the masks, stability under PGD, perturbation, and what a picture costs."""

from collections.abc import Sequence
from dataclasses import replace

from bench.pages.page import section, table
from bench.trials.grid import Cell, Grid, Value, at, methods, title
from bench.trials.settings import Settings
from bench.trials.trial import Trial
from bench.worlds.attack import Threat

MORE = {"gradient rollout": "grad_rollout", "attribution rollout": "attribution_rollout", "input gradient": "input_gradient"}
CLEAN, ATTACKED, COST = "clean pictures", "under PGD l_inf 8/255", "cost"
METRICS = {
    CLEAN: ("pixel_accuracy", "miou", "map", "positive_auc", "negative_auc"),
    ATTACKED: ("pixel_accuracy", "topk", "shared_relevance"),
    COST: ("seconds", "joules"),
}
BEHIND = " + DDS"
ABOUT = """One network on one data set; each explainer alone and as the mean of its maps of the denoised draws, which are made once for all of
them. Maps against the object's mask; AUC: the undefended classifier's accuracy as pixels are blackened, the most relevant first (positive: small is
good) or last (negative: large is good); V_8 and shared relevance against the clean picture's map by the same method, with fresh noise. PGD sees the
undefended network: a transfer attack. LRP is computed in float64: in float32 rounding can move its map by more than the map. `random` is a
control. Cost: one picture's answer and map, without loading, attack or metrics; joules are those of the whole processor. Paired: each
explainer with DDS against itself without. LRP's
and the input gradient's cells are pixels, all others' are patches: V_8 counts eight pixels there and is not comparable between the two kinds."""
SWEEP = (
    ("VTA + DDS", "77.33", "77.37", "77.30", "–", "77.26", "77.36"),
    ("VTA", "77.0", "76.3", "76.0", "75.8", "75.5", "75.6"),
)
OTHERS = (
    ("LayerCAM", ".65 / .41 / .71", "978"),
    ("LayerCAM + DDS", ".65 / .41 / .71", "22,914"),
    ("ScoreCAM", ".68 / .48 / .79", "9,362"),
    ("ScoreCAM + DDS", ".67 / .48 / .79", "46,800"),
)


def cells(settings: Settings) -> list[Cell]:
    """Two rows per explainer."""
    scene, chosen = settings.scene, methods(settings)
    chosen = chosen if settings.explainers else {name: chosen[name] for name in chosen if name != "random"} | MORE | {"random": "random"}
    plain = Trial(scene.main, scene.task, settings.n)
    defended = replace(plain, defence=settings.made.defence(seed=settings.seed))
    threat = Threat("pgd", "linf", 8 / 255, settings.made.rule_for(scene.task))
    found = []
    for group, metrics in METRICS.items():
        for name, spec in chosen.items():
            for row, method, trial in ((name, "alone", plain), (name + BEHIND, "ours", defended)):
                own = replace(trial, threat=threat) if group == ATTACKED else trial
                found += [Cell(row, title(metric), metric, own, spec, group=group, family=name, method=method) for metric in metrics]
    return found


def sections(values: Sequence[Value]) -> list[str]:
    """What others found who ran the method again, on other data and networks: no number of ours is compared with these."""
    radii = ["pixel accuracy (%), radius of 255", "2", "4", "6", "8", "16", "32"]
    names = ["", "pixel accuracy / mIoU / mAP", "seconds"]
    text = (
        "ImageNet-Segmentation, from the notebooks of the reproductions, not from papers: aerdelez/re-fvit (graphs.ipynb, a commented cell) by the "
        "attack's radius, and xivber5/fact-AI-Group-11 (the paper is arXiv 2509.14846, TMLR 2025; the seconds are of their whole run). Their data, "
        "networks and noise are others than ours.\n"
    )
    return [section("What public reproductions found", text, table(radii, SWEEP), table(names, OTHERS))]


def says(values: Sequence[Value]) -> str | None:
    """What DDS changes of the steadiness of every explainer, and what it costs."""
    told = []
    for name in dict.fromkeys(value.cell.family for value in values):
        pairs = [[at(values, family=name, method=method, metric=metric) for method in ("alone", "ours")] for metric in ("topk", "seconds")]
        if not all(value for pair in pairs for value in pair):
            return None
        (before, after), (cheap, dear) = ([value.number.value for value in pair] for pair in pairs)  # type: ignore[union-attr]
        told.append(f"{name} {before:.2f} to {after:.2f} ({cheap:.0f} to {dear:.0f} ms)")
    return f"V_8 under PGD without and with DDS (time per picture): {'; '.join(told)}."


TABLE = Grid("explainers", "Every explainer with and without DDS", ABOUT, cells, says, sections=sections)
