"""What tables share: the rows of ours, and what the paper calls methods and metrics."""

from bench.protocols import OURS
from bench.trials.settings import Settings
from bench.worlds.defence import Defence

PAPER_METHODS = {
    "raw attention": "Raw Attention", "rollout": "Rollout", "GradCAM": "GradCAM", "LRP": "LRP", "VTA": "VTA", "ours": "Ours",
}  # fmt: skip
PAPER_METRICS = {"accuracy": "Cla. Acc.", "pixel_accuracy": "Pix. Acc.", "miou": "mIoU", "map": "mAP"}
LITERAL = "ours, the printed sigma and t* literally"


def ours(settings: Settings, sigma: float | None = None) -> list[tuple[str, str, Defence]]:
    """Shown name, method and defence of each row of ours: one, and a second where the preset has one. `sigma`: nominal, the preset's by default."""
    made, seed = settings.made, settings.seed
    found = [(OURS, "ours", made.defence(sigma=sigma, seed=seed))]
    return found + ([(LITERAL, "ours literal", made.defence(sigma=sigma, rule=made.literal, seed=seed))] if made.literal else [])
