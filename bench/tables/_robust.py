"""Accuracy under attack against the radius, and under attacks through the defence: Tables 8 and 10."""

from dataclasses import replace
from typing import Any

from bench.protocols import OURS
from bench.trials.grid import ADAPTIVE, FEWER, Cell
from bench.trials.run import Look
from bench.trials.scene import Settings

NAMES = {"eot_pgd": "PGD through DDS (full gradient, EOT 8)", "bpda": "PGD past the denoiser (BPDA, EOT 8)"}
LONG = {
    "autoattack_100": "AutoAttack, 100 steps and 5,000 queries",
    "autoattack_rand": "AutoAttack's `rand` through DDS (10 steps a stage, EOT 8)",
    "eot_pgd_20": "PGD through DDS (full gradient, EOT 20)",
    "bpda_20": "PGD past the denoiser (BPDA, EOT 20)",
    "eot_pgd_fixed": "PGD through DDS (the same 8 draws at every step)",
}
STRONG = (4, 8)  # of 255: the radii of `--long`
FULL = 8  # of 255: the radius of the adaptive rows


def look(settings: Settings, attack: str, eps: float, defence: str, **more: Any) -> Look:
    """One network on one data set; eps 0 is the clean picture. `more`: fields of the defence."""
    images = min(settings.n, ADAPTIVE) if attack in (*NAMES, *LONG) else settings.n
    clean = Look(settings.scene.main, settings.scene.labelled[0], images, settings.preset, defence=defence, seed=settings.seed, **more)
    return replace(clean, attack=attack, eps=float(eps)) if eps else clean


def adaptive(settings: Settings, radii: tuple[int, ...]) -> list[Cell]:
    """The attacks that look through the defence, at one radius; the others say why they were not measured."""
    found = []
    for attack, name in NAMES.items():
        row = f"{name}: {OURS}"
        for eps in radii:
            if eps == FULL:
                found.append(Cell(row, f"{eps}/255", "accuracy", look(settings, attack, eps, "dds"), reason=FEWER))
            else:
                found.append(Cell(row, f"{eps}/255", "accuracy", None, word="left out", reason=f"adaptive attacks run at {FULL}/255 alone"))
    return found


def long(settings: Settings, radii: tuple[int, ...]) -> list[Cell]:
    """The attacks of `--long`; the whole AutoAttack sees the undefended network, the others look through the defence."""
    found = []
    for attack, name in LONG.items():
        methods = (("vanilla", "none"), (OURS, "dds")) if attack == "autoattack_100" else ((OURS, "dds"),)
        for method, defence in methods:
            for eps in radii:
                strong = eps in STRONG
                made, word = (look(settings, attack, eps, defence), "measured") if strong else (None, "left out")
                reason = f"at most {ADAPTIVE} pictures" if strong else f"--long runs at {STRONG[0]} and {STRONG[1]}/255"
                found.append(Cell(f"{name}: {method}", f"{eps}/255", "accuracy", made, word=word, reason=reason))
    return found
