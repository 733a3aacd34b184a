"""The trials of the table `world`: every backbone and task, the choice of the noise, every noise, each part left out, maps."""

from dataclasses import replace
from typing import Any

from bench.protocols import SIGMAS
from bench.records.rows import Missing, Why
from bench.trials.grid import Cell
from bench.trials.settings import Settings
from bench.trials.trial import Trial
from bench.worlds.attack import Threat
from bench.worlds.defence import Defence
from runtime.diffusion import schedule as schedules
from runtime.diffusion.schedule import NoiseLevel
from runtime.names import PRINTED_RULES

BACKBONES, CHOICE, BY_RULE, BY_NOISE = (
    "every backbone and task",
    "choosing the noise: validation split",
    "DDS by rule and nominal sigma",
    "DDS by real noise",
)
ABLATION, MAPS = "each part left out", "maps against the masks: clean, undefended"
CHOICES, REAL = (16, 24, 32, 48, 64), (8, 16, 24, 32, 48, 64, 96)  # of 255
DRAWS, CHOOSING, ADAPTIVE = 10, 200, 100  # draws per vote; pictures for the choice and for the attacks through the defence
CONTROL = "random"
EXPLAINERS = (CONTROL, "raw_attention", "raw_attention:layer=-1", "rollout", "gradcam", "lrp:form=partial", "vta")
PARTS = {"neither": "none", "noise only": "noise", "denoiser only": "denoiser", "both: DDS": "dds"}
THREATS = {"clean": None, "PGD": Threat()}


def level(sigma: float) -> NoiseLevel:
    """The first step with at least `sigma` (pixels) of real noise."""
    return schedules.level(schedules.linear(), sigma, "cumulative")


def defence(kind: str, noise: NoiseLevel, seed: int = 0) -> Defence:
    return Defence() if kind == "none" else Defence(kind, noise, 1 if kind == "denoiser" else DRAWS, seed=seed)


def own_noise(settings: Settings) -> NoiseLevel:
    return level(settings.sigma or settings.made.sigma)


def cells(settings: Settings) -> list[Cell]:
    scene, noise = settings.scene, own_noise(settings)
    found = []
    for name, backbone in scene.backbones.items():
        for task in scene.tasks:
            for attack, threat in THREATS.items():
                for kind, told in (("none", "undefended"), ("dds", "DDS")):
                    trial = Trial(backbone, task, settings.n, threat=threat, defence=defence(kind, noise, settings.seed))
                    found.append(Cell(f"{name} {task}", f"{attack}, {told}", "accuracy", trial, group=BACKBONES, family=name, method=kind))
    plain = Trial(scene.main, scene.task, settings.n)
    return found + _choice(plain, settings) + _noises(plain, settings, noise) + _ablation(plain, settings, noise) + _maps(plain)


def _pair(plain: Trial, row: str, group: str, made: Defence, column: str = "", **facts) -> list[Cell]:
    """Clean and under PGD."""
    trials = {attack: replace(plain, threat=threat, defence=made) for attack, threat in THREATS.items()}
    if column:
        return [
            Cell(attack if not row else f"{row}, {attack}", column, "accuracy", trial, group=group, **facts)
            for attack, trial in trials.items()
        ]
    return [Cell(row, attack, "accuracy", trial, group=group, **facts) for attack, trial in trials.items()]


def _choice(plain: Trial, settings: Settings) -> list[Cell]:
    plain = replace(plain, split="val", images=min(settings.n, CHOOSING))
    found = _pair(plain, "undefended", CHOICE, Defence(), method="none")
    for sigma in CHOICES:
        found += _pair(plain, f"{sigma}/255", CHOICE, defence("dds", level(sigma / 255), settings.seed), method="dds")
    return found


def _noises(plain: Trial, settings: Settings, noise: NoiseLevel) -> list[Cell]:
    """By rule, then by real noise. Noises of one step are one measurement, whichever rule asks for them."""
    steps = {one.t: one for one in (noise, *(level(sigma / 255) for sigma in REAL))}
    found = []
    for rule in PRINTED_RULES:
        for sigma in SIGMAS:
            nominal = by_rule(rule, sigma)
            if nominal.denoises:
                made = defence("dds", steps.setdefault(nominal.t, nominal), settings.seed)
                found += _pair(plain, f"`{rule}`", BY_RULE, made, f"{sigma}/255")
            else:
                missing = Missing(Why.NOT_DEFINED, f"this rule calls no denoiser here, at real noise {255 * nominal.sigma:.1f}/255")
                found += [
                    Cell(f"`{rule}`, {attack}", f"{sigma}/255", "accuracy", None, missing=missing, group=BY_RULE) for attack in THREATS
                ]
    for sigma in REAL:
        real = level(sigma / 255)
        found += _pair(plain, "", BY_NOISE, defence("dds", steps[real.t], settings.seed), f"{sigma}/255", method="dds")
    return found


def by_rule(rule: str, sigma: int) -> NoiseLevel:
    """What `rule` makes of a nominal `sigma` of 255."""
    return schedules.level(schedules.linear(), sigma / 255, rule)


def _ablation(plain: Trial, settings: Settings, noise: NoiseLevel) -> list[Cell]:
    found, few = [], min(settings.n, ADAPTIVE)
    direct = "there is no defence to attack through: PGD on the classifier is the adaptive attack"
    for row, kind in PARTS.items():
        made = defence(kind, noise, settings.seed)
        found += _pair(plain, row, ABLATION, made, method=kind)
        facts: dict[str, Any] = {"group": ABLATION, "method": kind}
        for column, attack in (("adaptive", "eot_pgd"), ("BPDA", "bpda")):
            trial = replace(plain, images=few, threat=Threat(attack), defence=made)
            if kind == "none" and attack == "eot_pgd":
                found.append(Cell(row, column, "accuracy", replace(plain, threat=THREATS["PGD"]), note=direct, **facts))
            elif kind in ("none", "noise") and attack == "bpda":
                missing = Missing(Why.NOT_DEFINED, "there is no denoiser to attack past")
                found.append(Cell(row, column, "accuracy", None, missing=missing, **facts))
            else:
                found.append(Cell(row, column, "accuracy", trial, adaptive=True, **facts))
    return found


def _maps(plain: Trial) -> list[Cell]:
    return [Cell(f"`{spec}`", "pixel acc.", "pixel_accuracy", plain, spec, group=MAPS, method=spec) for spec in EXPLAINERS]
