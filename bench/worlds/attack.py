"""Attacks by name: on the classifier alone, or through the defence in front of it; built on the eager networks, which have gradients."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType

from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from bench.attacks import bpda, screen, topk
from bench.attacks._ascent import ascend
from bench.attacks._budget import SMALL, Budget, paper
from bench.attacks._target import DefenceModel as Noisy
from bench.attacks._target import Target, averaged, classifier
from bench.attacks._variant import Variant
from bench.protocols import Attack, Scores
from bench.worlds.defence import CONTROLS, Defence
from bench.worlds.workbench import Workbench
from runtime import plugins
from runtime.diffusion import denoise
from runtime.errors import FvitError
from runtime.noise import DrawNoise
from runtime.pictures import resize
from runtime.protocols import Denoiser

PACKAGE = "bench.attacks"
MOST_STEPS = 10  # of a chain that an attack looks through
SEED = 1  # of random starts and of the attacker's own noise; defences draw with seeds of their own streams


@dataclass(frozen=True)
class Threat:
    """The attack `attack` (a name of `names()`), in a ball of radius `eps` (pixels in [0, 1]); `step_rule`: one of the printed ones, or SMALL,
    a rehearsal's: 2 steps of one draw, whatever the attack's own numbers are.

    `k`: of an attack on maps, the cells that it takes relevance from; None: as many as it does by itself.
    """

    attack: str = "pgd"
    norm: str = "linf"
    eps: float = 8 / 255
    step_rule: str = "2/255"
    k: int | None = None

    @property
    def through(self) -> bool:
        """Whether it attacks through the defence, so that every defence meets pictures of its own."""
        return find(self.attack)[1].through

    @property
    def known(self) -> bool:
        """Whether the attacker has the defence's seed."""
        return find(self.attack)[1].known


@dataclass(frozen=True)
class Attacked:
    """`stages`: what fooled each picture, where the attack says so; `blind`: its gradient was zero there."""

    images: Float[Tensor, "B C H W"]
    stages: list[str] | None = None
    blind: Bool[Tensor, " B"] | None = None


def names() -> list[str]:
    """Every attack and every variant."""
    return sorted({name for plugin in plugins.names(PACKAGE) for name in (plugin, *_variants(plugin))})


def find(name: str) -> tuple[ModuleType, Variant]:
    """The file that has the attack `name`, and its variant; an unknown name is refused with the nearest."""
    for plugin in plugins.names(PACKAGE):
        if name in (known := _variants(plugin)):
            return plugins.load(PACKAGE, plugin), known[name]
    return plugins.load(PACKAGE, plugins.known(name, names(), "attack")), Variant()


def attack(threat: Threat, bench: Workbench, defence: Defence, images: Tensor, labels: Tensor, numbers: Sequence[int]) -> Attacked:
    """`images` as the attacker leaves them; they, labels and result lie on the workbench's device."""
    plugin, variant = find(threat.attack)
    budget = _budget(threat, variant)
    if hasattr(plugin, "outcome"):
        outcome = plugin.outcome(target(threat, bench, defence), budget, images, labels, list(numbers))
        return Attacked(outcome.images, list(outcome.by), outcome.blind)
    return Attacked(build(threat, bench, defence)(images, labels, list(numbers)))


def build(threat: Threat, bench: Workbench, defence: Defence = Defence()) -> Attack:
    """The attack on the classifier alone (of a map: on its rollout), or through `defence`."""
    plugin, variant = find(threat.attack)
    if variant.through and defence.kind == "denoiser":
        assert defence.level is not None
        sees = through(bench, defence)
        seen = bpda.straight_through(sees) if plugin is bpda else sees
        scores = without_noise(classifier(bench.backbone.model), seen, defence.level.sigma, bench)
        climb = screen.climb if plugin is screen else partial(ascend, threat.attack)
        return climb(lambda step: [scores], _budget(threat, variant))
    cells = {"k": threat.k} if threat.k and getattr(plugin, "MAPS", False) else {}
    return plugin.build(target(threat, bench, defence), _budget(threat, variant), **cells)


def target(threat: Threat, bench: Workbench, defence: Defence) -> Target:
    """What the attack sees of the classifier behind `defence`; of maps, the mean of fixed draws."""
    plugin, variant = find(threat.attack)
    scores, maps = classifier(bench.backbone.model), topk.rollout(bench.backbone) if getattr(plugin, "MAPS", False) else None
    if not variant.through:
        return Target(scores, maps=maps)
    if defence.kind == "none" or defence.level is None:
        raise FvitError(
            f"{threat.attack} looks through a defence, and there is none; name one, or choose an attack on the classifier alone"
        )
    samples = 1 if threat.step_rule == SMALL else defence.draws if variant.known else variant.samples
    known = (defence.seed, defence.first) if variant.known else None
    between = Noisy(
        through(bench, defence), defence.level.sigma, bench.grid, bench.backbone.size, samples, variant.fixed, defence.noise, known
    )
    if maps:
        return Target(averaged(scores, between, SEED), maps=averaged(maps, between, SEED))
    return Target(scores, between)


def through(bench: Workbench, defence: Defence) -> Denoiser:
    """The defence's denoiser as the attacker differentiates it: JPEG straight through, a chain by computing its steps once more."""
    if defence.kind == "noise" or defence.votes == "noisy" or defence.denoise == "identity":
        return denoise.identity
    if defence.denoise in CONTROLS:
        control = CONTROLS[defence.denoise]
        return bpda.straight_through(control) if defence.denoise == "jpeg" else control
    model, schedule = bench.denoiser.model, bench.denoiser.schedule
    if defence.denoise == "one_shot":
        return denoise.one_shot(model, schedule)
    steps = defence.steps if defence.denoise == "ddim" else None
    if steps is None or steps > MOST_STEPS:
        raise FvitError(
            f"an attack through the denoiser {defence.denoise} of {steps or 'all its'} steps was asked for; one_shot and ddim of at most "
            f"{MOST_STEPS} steps can be looked through"
        )
    return denoise.ddim(lambda *inputs: checkpoint(model, *inputs, use_reentrant=False), schedule, steps)


def without_noise(scores: Scores, denoiser: Denoiser, sigma: float, bench: Workbench) -> Scores:
    """The classifier behind a denoiser that is given the picture as it is."""

    def scored(images: Tensor, pictures: Sequence[int]) -> Tensor:
        denoised = denoiser(resize(images, bench.grid), sigma, DrawNoise(SEED, pictures, [0] * len(pictures)))
        return scores(resize(denoised, (bench.backbone.size, bench.backbone.size)), pictures)

    return scored


def _budget(threat: Threat, variant: Variant) -> Budget:
    budget = paper(threat.norm, threat.eps, threat.step_rule, SEED)
    return budget if variant.steps is None or threat.step_rule == SMALL else replace(budget, steps=variant.steps)


def _variants(plugin: str) -> dict[str, Variant]:
    return getattr(plugins.load(PACKAGE, plugin), "VARIANTS", {})
