"""Table 2: what each part of DDS is worth."""

from bench.protocols import OURS
from bench.trials.grid import SHOWN, Cell, Grid
from bench.trials.run import Look
from bench.trials.scene import Settings

ABOUT = """Under PGD l_inf 8/255, VTA maps. Without smoothing: one denoiser call on the picture as it is. Without denoising: noise
and majority. Blur and JPEG stand in the denoiser's place as controls. AUC: the undefended classifier's accuracy on the attacked picture as its
pixels are blackened, from none to 90 %, the most relevant first (positive: small is good) or last (negative: large is good). A transfer
attack rewards a denoiser without noise: it takes the perturbation for noise and subtracts it (the adaptive rows of Tables 8 and 10 and of
`fvit world` are the ones to judge by)."""
PARTS = {
    OURS: ("dds", None),
    "without smoothing": ("denoiser", None),
    "without denoising": ("noise", None),
    "without both": ("none", None),
    "blur for a denoiser": ("dds", "blur"),
    "JPEG for a denoiser": ("dds", "jpeg"),
    "blur alone": ("denoiser", "blur"),
    "JPEG alone": ("denoiser", "jpeg"),
}
METRICS = ("accuracy", "pixel_accuracy", "miou", "positive_auc", "negative_auc")


def cells(settings: Settings) -> list[Cell]:
    found = []
    for name, (defence, denoise) in PARTS.items():
        look = Look(settings.scene.main, settings.scene.task, settings.n, settings.preset, "pgd", eps=8, defence=defence, denoise=denoise,
                    explainers=("vta",), perturbed=True, seed=settings.seed)  # fmt: skip
        found += [Cell(name, SHOWN[metric], metric, look, "vta") for metric in METRICS]
    return found


TABLE = Grid(2, "ablation", ABOUT, cells)
