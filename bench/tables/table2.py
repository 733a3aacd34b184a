"""Table 2: what each part of DDS is worth."""

from collections.abc import Sequence

from bench.pages.page import percent
from bench.protocols import OURS
from bench.trials.grid import Cell, Grid, Value, at, title
from bench.trials.settings import Settings
from bench.trials.trial import Trial
from bench.worlds.attack import Threat

ABOUT = """Under PGD l_inf 8/255, VTA maps. Without smoothing: one denoiser call on the picture as it is. Without denoising: noise
and majority. Blur and JPEG stand in the denoiser's place as controls. AUC: the undefended classifier's accuracy on the attacked picture as its
pixels are blackened, from none to 90 %, the most relevant first (positive: small is good) or last (negative: large is good). A transfer
attack rewards a denoiser without noise: it takes the perturbation for noise and subtracts it (the adaptive rows of Tables 8 and 10 and of
`fvit world` are the ones to judge by)."""
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
METRICS = ("accuracy", "pixel_accuracy", "miou", "positive_auc", "negative_auc")


def cells(settings: Settings) -> list[Cell]:
    scene, made, found = settings.scene, settings.made, []
    threat = Threat("pgd", "linf", 8 / 255, made.rule_for(scene.task))
    for name, (method, kind, changes) in PARTS.items():
        defence = made.defence(kind) if kind == "none" else made.defence(kind, seed=settings.seed, **changes)
        trial = Trial(scene.main, scene.task, settings.n, threat=threat, defence=defence)
        found += [Cell(name, title(metric), metric, trial, "vta", method=method, radius=8 / 255, norm="linf") for metric in METRICS]
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
