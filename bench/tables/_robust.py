"""Accuracy under attack against the radius, and under attacks through the defence: Tables 8 to 10."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench.pages.page import percent, section, table
from bench.protocols import OURS
from bench.records.rows import Why
from bench.records.stats import wilson
from bench.tables._rows import ours
from bench.trials.grid import ADAPTIVE, FEWER, Cell, Value
from bench.trials.settings import Settings
from bench.trials.tally import ACCURACY, ONE_DRAW
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
SCREENED = {
    "DDS": ("dds", {}), "noise alone": ("noise", {}), "denoiser alone": ("denoiser", {}), "blur": ("dds", {"denoise": "blur"}),
    "JPEG": ("dds", {"denoise": "jpeg"}),
}  # fmt: skip
WORST = 10  # how often a picture is asked where the worst answer counts
FRESH, KNOWN, ASKED = "screen, fresh noise", "screen, noise known", f"screen, worst of {WORST} answers"
SCREEN = {FRESH: ("screen_through", 1), KNOWN: ("screen_known", 1), ASKED: ("screen_through", WORST)}
NOT_RANDOM = "without noise there is nothing to know and every answer is the same"
ABOUT_SCREEN = f"""Attacks that look through each defence, l_inf 8/255: `screen` climbs the margin in 40 steps of 8 draws, with momentum and a
falling step, and keeps the best point by its own draws. Fresh noise: the defence answers with noise that the attacker never saw. Noise known: the
attacker has the defence's seed, and climbs on the very draws that will vote. Worst of {WORST}: the attacked picture is asked {WORST} times with
fresh noise, and one wrong answer counts. JPEG is differentiated straight through. All together: pictures that no attack of the line breaks."""
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


def screened(settings: Settings, radii: Sequence[int]) -> list[Cell]:
    """The attacks of `--long` that know the defence, at one radius; every defence that can be differentiated."""
    made, found = settings.made, []
    for name, (kind, changes) in SCREENED.items():
        defence = made.defence(kind, seed=settings.seed, **changes)
        for attack, (plugin, asks) in SCREEN.items():
            row, facts = f"{attack}: {name}", {"family": attack, "method": name, "adaptive": True}
            for radius in radii:
                one = cell(settings, row, plugin, radius or 1, defence, **facts)
                one = replace(one, column=f"{radius}/255", radius=radius / 255, trial=one.trial and replace(one.trial, asks=asks))
                if radius != FULL:
                    one = one.without(Why.LEFT_OUT, f"these attacks run at {FULL}/255 alone")
                elif not defence.randomised and attack != FRESH:
                    one = one.without(Why.NOT_DEFINED, NOT_RANDOM)
                found.append(one)
        if defence.randomised:
            whole = cell(
                settings, f"{FRESH}: {name}, one draw", "screen_through", FULL, defence, family=FRESH, method="again", adaptive=True
            )
            found.append(replace(whole, metric=ONE_DRAW))
    return found


def together(values: Sequence[Value]) -> str:
    """Every defence's accuracy under each of the attacks that know it, and under all of them at once; nothing where none was run."""
    lines, known = [], [value for value in values if value.cell.family in SCREEN and value.tally]
    for name in SCREENED:
        own = {value.cell.family: value for value in known if value.cell.method == name and value.cell.metric == ACCURACY}
        if not own:
            continue
        rights = [dict(zip(value.tally.numbers, value.tally.right, strict=True)) for value in own.values() if value.tally]
        numbers = set.intersection(*map(set, rights))
        held = int(np.sum([all(right[number] for right in rights) for number in numbers]))
        numbered = {attack: value.number for attack, value in own.items()}
        each = [percent(number) if (number := numbered.get(attack)) else "–" for attack in SCREEN]
        lines.append([name, *each, percent(wilson(held, len(numbers))) if numbers else "–", len(numbers)])
    names = ["defence", *SCREEN, "all together", "n"]
    return section("Attacks that know the defence", ABOUT_SCREEN + "\n", table(names, lines), _credit(values)) if lines else ""


def _credit(values: Sequence[Value]) -> str:
    """What of the robustness is the denoiser's, what the noise's, what the vote's."""
    found = {
        value.cell.method: value.number for value in values if value.cell.family == FRESH and value.cell.metric == ACCURACY and value.number
    }
    one = next((value.number for value in values if value.cell.row == f"{FRESH}: DDS, one draw" and value.number), None)
    if not {"DDS", "noise alone", "denoiser alone"} <= found.keys() or one is None:
        return ""
    dds, noise, denoiser = (found[name].value for name in ("DDS", "noise alone", "denoiser alone"))
    return (
        f"Under `screen` with fresh noise DDS keeps {dds:.1%}, noise and vote without the denoiser {noise:.1%}, the denoiser without noise "
        f"{denoiser:.1%}, one draw of DDS {one.value:.1%}: the denoiser adds {100 * (dds - noise):+.1f} points to noise and vote, the noise with its "
        f"vote {100 * (dds - denoiser):+.1f} to the denoiser, the vote alone {100 * (dds - one.value):+.1f}.\n"
    )
