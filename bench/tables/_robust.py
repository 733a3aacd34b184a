"""Accuracy under attack against the radius, and under attacks through the defence: Tables 8 to 10."""

from dataclasses import replace
from typing import Any

from bench.protocols import OURS
from bench.records.rows import Why
from bench.tables._rows import ours
from bench.trials.grid import ADAPTIVE, FEWER, Cell
from bench.trials.settings import Settings
from bench.trials.trial import Trial
from bench.worlds.attack import Threat
from bench.worlds.defence import Defence

NAMES = {"eot_pgd": "PGD through DDS (full gradient, EOT 8)", "bpda": "PGD past the denoiser (BPDA, EOT 8)"}
LONG = {
    "autoattack_100": "AutoAttack, 100 steps and 5,000 queries",
    "autoattack_rand": "AutoAttack's `rand` through DDS (10 steps per stage, EOT 8)",
    "eot_pgd_20": "PGD through DDS (full gradient, EOT 20)",
    "bpda_20": "PGD past the denoiser (BPDA, EOT 20)",
    "eot_pgd_fixed": "PGD through DDS (the same 8 draws at every step)",
}
STRONG = (4, 8)  # of 255: the radii of `--long`
FULL = 8  # of 255: the radius of the adaptive rows


def both(settings: Settings) -> list[tuple[str, str, Defence]]:
    """Shown name, method and defence: without one, and each row of ours."""
    return [("vanilla", "vanilla", Defence()), *ours(settings)]


def trial(settings: Settings, attack: str, radius: float, defence: Defence) -> Trial:
    """One network on one data set under an l_inf attack of `radius` (of 255; 0: clean pictures)."""
    images = min(settings.n, ADAPTIVE) if attack in (*NAMES, *LONG) else settings.n
    threat = Threat(attack, "linf", radius / 255, settings.made.rule_for(settings.scene.labelled[0])) if radius else None
    return Trial(settings.scene.main, settings.scene.labelled[0], images, threat=threat, defence=defence)


def cell(settings: Settings, row: str, attack: str, radius: float, defence: Defence, **facts: Any) -> Cell:
    """An accuracy at one radius (of 255)."""
    return Cell(row, f"{radius:g}/255", "accuracy", trial(settings, attack, radius, defence), radius=radius / 255, norm="linf", **facts)


def adaptive(settings: Settings, radii: tuple[int, ...]) -> list[Cell]:
    """The attacks that look through the defence, at one radius; the others say why they were not measured."""
    found, dds = [], settings.made.defence(seed=settings.seed)
    for attack, name in NAMES.items():
        for radius in radii:
            one = cell(settings, f"{name}: {OURS}", attack, radius or 1, dds, family=name, method="ours", note=FEWER, adaptive=True)
            reason = f"adaptive attacks run at {FULL}/255 alone"
            one = one if radius == FULL else one.without(Why.LEFT_OUT, reason)
            found.append(one if radius else replace(one, column="0/255", radius=0.0))
    return found


def long(settings: Settings, radii: tuple[int, ...]) -> list[Cell]:
    """The attacks of `--long`; the whole AutoAttack sees the undefended network, the others look through the defence."""
    found = []
    for attack, name in LONG.items():
        whole = attack == "autoattack_100"
        for shown, method, defence in both(settings)[0 if whole else 1 : 2]:
            for radius in radii:
                facts = {"family": name, "method": method, "note": f"at most {ADAPTIVE} pictures", "adaptive": not whole}
                one = cell(settings, f"{name}: {shown}", attack, radius, defence, **facts)
                reason = f"--long runs at {STRONG[0]} and {STRONG[1]}/255"
                found.append(one if radius in STRONG else one.without(Why.LEFT_OUT, reason))
    return found
