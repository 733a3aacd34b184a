"""The measurements of `fvit world`, as data.

bars      each backbone and task: clean and under transfer PGD, undefended and with DDS at the chosen noise
choice    the same defence on the validation split at several noises; the chosen one comes from here, never from the test split
curve     the ViT on `digits` at every noise that a t rule makes of 2 ... 16/255, and at real noises of 8 ... 96
ablation  the ViT on `digits` without noise, without denoiser, without both; under the transfer attack and under one on the very pipeline
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace

from bench.protocols import SIGMAS
from bench.worlds.data.digits import TASKS
from runtime.diffusion import schedule as schedules
from runtime.diffusion.schedule import NoiseLevel

ATTACKS = ("none", "pgd")
BACKBONES = ("vit_embedded", "deit_embedded", "swin_embedded")
CHOICES, REAL = (16, 24, 32, 48, 64), (8, 16, 24, 32, 48, 64, 96)  # of 255
DRAWS, CHOOSING, ADAPTIVE = 10, 200, 100  # draws a vote; pictures for the choice and for the attacks through the defence
LOSS = 0.05  # clean accuracy the defence may cost
EPS, STEP, STEPS = 8 / 255, 2 / 255, 10
ADAPTIVE_BY = {"adaptive": "eot_pgd"}  # the plugin behind the name in the rows
EXPLAINERS = ("random", "raw_attention", "raw_attention:layer=-1", "rollout", "gradcam", "lrp:form=partial", "vta")
DEMANDS = {"digits": 0.95, "pairs": 0.85, "crowd": 0.85}


@dataclass(frozen=True)
class Cell:
    """`sigma`: the real noise of 255 (0: none), `t` its step; `attack`: none, pgd (on the classifier alone), adaptive or bpda."""

    backbone: str
    task: str
    split: str
    images: int
    attack: str
    defence: str = "none"
    t: int = 0
    sigma: float = 0.0
    draws: int = 1
    seed: int = 0

    @property
    def key(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


def choice(images: int) -> list[Cell]:
    """Clean and attacked, undefended once and defended at every noise of `CHOICES`, on the validation split."""
    undefended = [Cell("vit_embedded", "digits", "val", min(images, CHOOSING), attack) for attack in ATTACKS]
    return undefended + [defended(cell, level(sigma)) for sigma in CHOICES for cell in undefended]


def chosen(results: dict[str, float], images: int) -> NoiseLevel:
    """The noise with the best accuracy under attack among those that cost at most 5 points of clean accuracy, else the least costly one.

    `results`: accuracy by the key of a cell of `choice`.
    """
    cells = choice(images)
    clean, defences = results[cells[0].key], list(zip(CHOICES, cells[2::2], cells[3::2], strict=True))
    cheap = [row for row in defences if results[row[1].key] >= clean - LOSS]
    best = max(cheap, key=lambda row: results[row[2].key]) if cheap else max(defences, key=lambda row: results[row[1].key])
    return level(best[0])


def everything(images: int, at: NoiseLevel) -> list[Cell]:
    """All cells on the test split, no measurement twice."""
    plain = [Cell(backbone, task, "test", images, attack) for backbone in BACKBONES for task in TASKS for attack in ATTACKS]
    cells = [found for cell in plain for found in (cell, defended(cell, at))]
    for cell in (Cell("vit_embedded", "digits", "test", images, attack) for attack in ATTACKS):
        cells += [defended(cell, found) for found in levels()]
        cells += [defended(cell, at, name) for name in ("noise", "denoiser")]
    through = Cell("vit_embedded", "digits", "test", min(images, ADAPTIVE), "adaptive")
    cells += [defended(through, at, name) for name in ("noise", "denoiser", "dds")]
    cells += [defended(replace(through, attack="bpda"), at, name) for name in ("denoiser", "dds")]
    return list(dict.fromkeys(cells))


def levels() -> list[NoiseLevel]:
    """Every noise of the curve once, weakest first: what each rule makes of Table 3's sigmas, and the real ones."""
    schedule = schedules.linear()
    found = [schedules.level(schedule, sigma / 255, rule) for rule in schedules.RULES for sigma in SIGMAS]
    found += [level(sigma) for sigma in REAL]
    return sorted({one.t: one for one in found if one.denoises}.values(), key=lambda one: one.sigma)


def level(sigma: float) -> NoiseLevel:
    """The first step with at least `sigma` of 255 of real noise."""
    return schedules.level(schedules.linear(), sigma / 255, "cumulative")


def defended(cell: Cell, at: NoiseLevel, name: str = "dds") -> Cell:
    return replace(cell, defence=name, t=at.t, sigma=round(at.sigma * 255, 4), draws=1 if name == "denoiser" else DRAWS)
