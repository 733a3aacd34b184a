"""The tables of looks, and rows of every look of one."""

from dataclasses import asdict

from bench.options import GRIDS
from bench.trials.grid import Grid
from bench.trials.scene import Settings
from runtime import plugins

TABLES = {number: plugins.load("bench.tables", f"table{number}").TABLE for number in GRIDS}


def synthetic(settings: Settings, grid: Grid) -> list[dict]:
    """Rows of every look: 3 of 4 right undefended, all right behind DDS; each map value 0.5 [0.25, 0.75]."""
    environment = {"commit": "c", "cpu": "x", "cores": 2, "versions": {"torch": "2", "timm": "1"}}
    facts = {"n": settings.n, "preset": settings.preset, "seed": settings.seed}
    head = {"settings": facts, "environment": environment, "weights": {"denoiser": "trained"}, "grid": 64, "notes": []}
    rows: list[dict] = [{"kind": "campaign"} | head]
    metrics = ("pixel_accuracy", "miou", "map", "s_faith", "topk", "positive_auc", "negative_auc")
    for look in grid.looks(settings):
        right = "1110" if look.defence == "none" else "1111"
        maps = {name: {metric: [0.5, 0.25, 0.75] for metric in metrics} | {"each": [500] * 4} for name in look.explainers}
        rows.append(
            {
                "kind": "look",
                "key": look.key,
                "n": 4,
                "hits": right.count("1"),
                "right": right,
                "real_sigma": 64.2,
                "one_draw": [0.5, 0.25, 0.75],
                "maps": maps,
                "look": asdict(look),
            }
        )
    return rows
