"""Table 2: what each part of DDS is worth."""

from collections.abc import Sequence
from typing import Any

from bench.pages.page import percent
from bench.protocols import OURS
from bench.records.rows import Why
from bench.trials.grid import Cell, Grid, Value, at, title
from bench.trials.settings import Settings
from bench.trials.trial import Trial
from bench.worlds.attack import Threat

ABOUT = """Under PGD l_inf 8/255, VTA maps. Without smoothing: one denoiser call on the picture as it is. Without denoising: noise and
majority. Blur and JPEG stand in the denoiser's place as controls. AUC: the undefended classifier's accuracy on the clean picture as its
pixels are blackened from 10 to 90 %, the most relevant of the attacked picture's map first (positive: small is good) or last (negative: large
is good). Below, the same on the attacked picture as it was shown: for the undefended classifier, which is wrong there before anything is
blackened, and for each row's own defence. A transfer attack rewards a denoiser without noise: it takes the perturbation for noise and
subtracts it (the adaptive rows of Tables 8 and 10 and of `fvit world` are the ones to judge by)."""
PARTS = {
    OURS: ("ours", "dds", {}),
    "without smoothing": ("denoiser", "denoiser", {}),
    "without denoising": ("noise", "noise", {}),
    "without both": ("vanilla", "none", {}),
    "blur for a denoiser": ("blur", "dds", {"denoise": "blur"}),
    "JPEG for a denoiser": ("jpeg", "dds", {"denoise": "jpeg"}),
    "blur alone": ("blur alone", "denoiser", {"denoise": "blur"}),
    "JPEG alone": ("jpeg alone", "denoiser", {"denoise": "jpeg"}),
}
PAPER_ROWS = {
    "ours": "Ours", "denoiser": "Ours without smoothing", "noise": "Ours without denoising", "vanilla": "without both",
}  # fmt: skip
PAPER = {
    "accuracy": ("Classification", "Rob.Acc"), "pixel_accuracy": ("Segmentation", "Rob.Acc"), "miou": ("Segmentation", "mIoU"),
    "positive_auc": ("Perturbation", "Pos."), "negative_auc": ("Perturbation", "Neg."),
}  # fmt: skip
SHOWN = "shown picture, undefended"
DEFENDED = "shown picture, defended"
OTHER = {  # other readings of the two AUCs, by group
    SHOWN: ("positive_auc:picture=shown", "negative_auc:picture=shown"),
    DEFENDED: ("positive_auc:picture=shown:classifier=defended", "negative_auc:picture=shown:classifier=defended"),
}
COSTLY = "its two curves take 200 more draws a picture: measured of ours and of noise alone"
TITLES = {"positive_auc": "pos. AUC", "negative_auc": "neg. AUC"}


def cells(settings: Settings) -> list[Cell]:
    scene, made, found = settings.scene, settings.made, []
    threat = Threat("pgd", "linf", 8 / 255, made.rule_for(scene.task))
    for name, (method, kind, changes) in PARTS.items():
        defence = made.defence(kind) if kind == "none" else made.defence(kind, seed=settings.seed, **changes)
        trial = Trial(scene.main, scene.task, settings.n, threat=threat, defence=defence)
        shared: dict[str, Any] = {"method": method, "radius": 8 / 255, "norm": "linf"}
        for metric, printed in PAPER.items():
            paper = (PAPER_ROWS.get(method, ""), *printed)
            found.append(Cell(name, title(metric), metric, trial, "vta", printed=paper, **shared))
        for group, metrics in OTHER.items():
            own = [Cell(name, TITLES[metric.partition(":")[0]], metric, trial, "vta", group=group, **shared) for metric in metrics]
            found += [one.without(Why.LEFT_OUT, COSTLY) for one in own] if group == DEFENDED and method in ("blur", "jpeg") else own
    plain = Trial(scene.main, scene.task, settings.n, threat=threat)
    maps = [(metric, "") for metric in PAPER if metric != "accuracy"] + [(metric, group) for group, own in OTHER.items() for metric in own]
    for metric, group in maps:
        shown = TITLES[metric.partition(":")[0]] if group else title(metric)
        found.append(
            Cell("random map, undefended", shown, metric, plain, "random", group=group, method="random", radius=8 / 255, norm="linf")
        )
    return found


def says(values: Sequence[Value]) -> str | None:
    rows = {
        name: at(values, method=method, metric="accuracy")
        for name, (method, _, _) in PARTS.items()
        if method in ("denoiser", "noise", "ours")
    }
    if not all(rows.values()):
        return None
    told = ", ".join(f"{name} {percent(value.number)}" for name, value in rows.items())  # type: ignore[union-attr, arg-type]
    return f"Accuracy with each part left out, under the transfer attack: {told}. A denoiser without noise looks good there for the wrong reason."


TABLE = Grid("2", "ablation", ABOUT, cells, says)
