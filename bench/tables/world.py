"""What the embedded world was built to show: accuracy, attacks through the defence, every noise level, each part left out, maps against masks."""

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

from bench.pages.drawing import png
from bench.pages.page import percent, section, table
from bench.protocols import SIGMAS
from bench.records.stats import Interval, paired_bootstrap
from bench.tables._world import (
    ABLATION,
    BACKBONES,
    BY_NOISE,
    BY_RULE,
    CHOICE,
    CHOICES,
    CONTROL,
    MAPS,
    THREATS,
    by_rule,
    cells,
    level,
)
from bench.trials.grid import Grid, Value
from bench.worlds.attack import Threat
from runtime.diffusion import schedule as schedules
from runtime.diffusion.schedule import NoiseLevel
from runtime.names import PRINTED_RULES

DEMANDS = {"digits": 0.95, "pairs": 0.85, "crowd": 0.85}
LOSS = 0.05  # clean accuracy that the defence may cost
MOST = 60_000  # bytes of the plot
ABOUT = """One-shot DDS, majority of 10 draws, one seed; tables of one network take the ViT on `digits`. PGD l_inf 8/255, 10 steps of 2/255, is the
paper's protocol: a transfer attack, made on the undefended classifier and then shown to every defence. It is the weakest kind. `adaptive` is the
same PGD with the gradient through the defence, averaged over 8 draws per step where there is noise; `BPDA` takes the denoiser's Jacobian for the
identity. What a defence is worth is its adaptive column. A denoiser without noise takes the attacker's perturbation for noise, enlarges it to its
own step's and subtracts it: under a transfer attack it can so lie above the clean accuracy, and its adaptive column shows what that is worth. Real
noise is what is added, in pixels of 255; `cumulative` is the formula as the paper prints it, `per-step` the rule behind its printed t*. The
validation split shares neither handwriting nor photographs with the test split. Intervals of accuracy: Wilson, 95 %."""


def chosen(values: Sequence[Value]) -> int | None:
    """The noise (of 255) that the validation split chooses: best under attack among those that cost at most 5 points of clean accuracy, else
    the one that costs least; None where it was not measured."""
    undefended = find(values, CHOICE, "none", None)
    pairs = {sigma: [find(values, CHOICE, "dds", threat, level(sigma / 255)) for threat in THREATS.values()] for sigma in CHOICES}
    clean = number(undefended)
    shares = {sigma: (clear.value, held.value) for sigma, pair in pairs.items() for clear, held in [map(number, pair)] if clear and held}
    if clean is None or len(shares) < len(CHOICES):
        return None
    cheap = [sigma for sigma, (share, _) in shares.items() if share >= clean.value - LOSS]
    return max(cheap, key=lambda sigma: shares[sigma][1]) if cheap else max(shares, key=lambda sigma: shares[sigma][0])


def find(
    values: Sequence[Value],
    group: str,
    kind: str,
    threat: Threat | None,
    noise: NoiseLevel | None = None,
    place: tuple[str, str] = ("", ""),
) -> Value | None:
    """The value of `group` whose trial has this kind of defence, this attack and noise; `place`: of a backbone (as shown) on a task."""
    for value in values:
        cell, trial = value.cell, value.cell.trial
        if trial is None or cell.group != group or (trial.defence.kind, trial.threat) != (kind, threat):
            continue
        if (noise is None or trial.defence.level == noise) and place in (("", ""), (cell.family, trial.task)):
            return value
    return None


def number(value: Value | None) -> Interval | None:
    return None if value is None else value.number


def demands(values: Sequence[Value]) -> str:
    """What the world was built to show, wanted beside measured."""
    lines: list[list[str]] = []

    def line(what: str, wanted: str, value: float | None, told: str, reached: Callable[[float], bool]) -> None:
        lines.append([what, wanted, told, "not measured" if value is None else "yes" if reached(value) else "**no**"])

    def share(family: str, task: str, kind: str, attack: str) -> Interval | None:
        return number(find(values, BACKBONES, kind, THREATS[attack], place=(family, task)))

    names = list(dict.fromkeys(value.cell.family for value in values if value.cell.group == BACKBONES))
    for task, least in DEMANDS.items():
        for name in names:
            clean = share(name, task, "none", "clean")
            line(f"clean, {task}, {name}", f">= {least:.0%}", _value(clean), _told(clean), lambda v, least=least: v >= least)
    for name in names:
        plain, safe = share(name, "digits", "none", "clean"), share(name, "digits", "dds", "clean")
        attacked, held = share(name, "digits", "none", "PGD"), share(name, "digits", "dds", "PGD")
        line(f"undefended under PGD, digits, {name}", "<= 10%", _value(attacked), _told(attacked), lambda v: v <= 0.1)
        lost = None if plain is None or safe is None else plain.value - safe.value
        points = "not measured" if lost is None else f"{100 * lost:.1f}"
        line(f"clean accuracy that DDS costs, digits, {name}", "<= 5 points", lost, points, lambda v: v <= LOSS)
        line(f"DDS under PGD, digits, {name}", ">= 75%", _value(held), _told(held), lambda v: v >= 0.75)
    return section("What it was built to show", table(["", "wanted", "measured", "reached"], lines))


def real_noise(values: Sequence[Value]) -> str:
    """What each rule makes of each nominal sigma, of 255."""
    made = {rule: [by_rule(rule, sigma) for sigma in SIGMAS] for rule in PRINTED_RULES}
    told = [[f"`{rule}`", *(_noise(one) for one in levels)] for rule, levels in made.items()]
    names = ["rule", *(f"{sigma}/255" for sigma in SIGMAS)]
    return section("Real noise by rule and nominal sigma, of 255", table(names, told), "![accuracy against real noise](world.png)\n")


def above_random(values: Sequence[Value]) -> str:
    """What each explainer's pixel accuracy has above that of random maps, on the same pictures."""
    own = {value.cell.explainer: value for value in values if value.cell.group == MAPS and value.number is not None}
    control, lines = own.pop(CONTROL, None), []
    for explainer, value in own.items():
        if control is None or control.tally is None or value.tally is None:
            continue
        metric = value.cell.metric
        above = paired_bootstrap(value.tally.each(metric, explainer), control.tally.each(metric, CONTROL))
        lines.append([f"`{explainer}`", f"{above.value:+.1%} [{above.low:+.1%}, {above.high:+.1%}]"])
    return section("Maps above random, same pictures", table(["explainer", "pixel accuracy above `random`"], lines)) if lines else ""


def the_defence(values: Sequence[Value]) -> str:
    """The noise that the tables of the defence have, and what the validation split chooses."""
    own = next((value.cell.trial for value in values if value.cell.group == BACKBONES and value.cell.method == "dds"), None)
    if own is None or own.defence.level is None:
        return ""
    noise, sigma = own.defence.level, chosen(values)
    told = f"One-shot DDS at real noise {255 * noise.sigma:.1f}/255 (t = {noise.t}), majority of {own.defence.draws} draws."
    if sigma is None:
        verdict = "The choice on the validation split was not measured."
    elif level(sigma / 255).t == noise.t:
        verdict = "The validation split chooses this noise."
    else:
        verdict = f"The validation split chooses another noise, {sigma}/255."
    return section("The defence", f"{told} {verdict}\n")


def says(values: Sequence[Value]) -> str | None:
    noise = chosen(values)
    return None if noise is None else f"The validation split chooses a real noise of {noise}/255."


def plot(values: Sequence[Value]) -> bytes:
    """Accuracy against the real noise: DDS clean and attacked with intervals, undefended as lines."""
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.subplots()
    for (attack, threat), colour in zip(THREATS.items(), ("tab:blue", "tab:red"), strict=True):
        points = _curve(values, threat)
        noise, shares = [255 * sigma for sigma in points], list(points.values())
        axes.plot(noise, [one.value for one in shares], "o-", color=colour, label=f"DDS, {attack}")
        axes.fill_between(noise, [one.low for one in shares], [one.high for one in shares], color=colour, alpha=0.15)
        if plain := number(find(values, ABLATION, "none", threat)):
            axes.axhline(plain.value, color=colour, linestyle=":", label=f"undefended, {attack}")
    for sigma in SIGMAS:
        printed = 255 * schedules.level(schedules.linear(), sigma / 255, "per-step").sigma
        axes.axvline(printed, color="grey", alpha=0.3)
        axes.text(printed, 1.01, f"{sigma}", ha="center", va="bottom", fontsize=8, color="grey")
    if own := find(values, BACKBONES, "dds", None):
        assert own.cell.trial is not None and own.cell.trial.defence.level is not None
        axes.axvline(255 * own.cell.trial.defence.level.sigma, color="black", alpha=0.5, label="the defence")
    title = "ViT on digits (grey: where the paper's printed t* put its sigma, of 255)\n"
    axes.set(xlabel="real noise (of 255)", ylabel="accuracy", ylim=(0, 1), title=title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="center right")
    return png(figure, MOST)


def _curve(values: Sequence[Value], threat: Threat | None) -> dict[float, Interval]:
    """Accuracy by real noise (pixels), weakest first: every noise that was measured, of rules and of our own."""
    found: dict[float, Interval] = {}
    for value in values:
        trial, share = value.cell.trial, value.number
        if trial is None or share is None or value.cell.group not in (BY_RULE, BY_NOISE) or trial.threat != threat:
            continue
        assert trial.defence.level is not None
        found[trial.defence.level.sigma] = share
    return dict(sorted(found.items()))


def _noise(level: NoiseLevel) -> str:
    return f"{255 * level.sigma:.1f}" + ("" if level.denoises else " (no denoiser)")


def _value(share: Interval | None) -> float | None:
    return None if share is None else share.value


def _told(share: Interval | None) -> str:
    return "not measured" if share is None else percent(share)


def sections(values: Sequence[Value]) -> list[str]:
    return [the_defence(values), demands(values), real_noise(values), above_random(values)]


TABLE = Grid("world", "The embedded world", ABOUT, cells, says, plot, sections)
