"""What the paper leaves open, decided by name: `--preset`. The head of every table prints the one that made it.

corrected      the embedded world's own noise (chosen on the validation split), added in pixels, one denoiser call, mean of the maps
paper-text     sigma = 8/255, t* of the printed formula, the whole chain, mean of the maps (Algorithms 1 and 2)
paper-table3   sigma = 8/255, the t* that Table 3 prints (per-step rule), one call, as its seconds show; attack steps of Appendix G
released-code  the released code's chain and noise; maps fused and attack steps as in Appendix G

Attack steps: section 6.1 prints 10 of 2/255 for all data; Appendix G prints 10 of rho / 5 for ImageNet and COCO, 250 of rho / 125 for Cityscapes.
"""

from dataclasses import dataclass

from bench.worlds.defence import Defence
from runtime.diffusion import schedule as schedules
from runtime.diffusion.schedule import NoiseLevel
from runtime.plugins import known

BY_TASK = {"rho/5": {"cityscapes": "rho/125"}}  # what Appendix G prints for one data set beside its rule for the others


@dataclass(frozen=True)
class Preset:
    """`sigma`: nominal, in pixels; `rule` makes it real noise and a t*; `step_rule`: the attack's, by its printed name (see `rule_for`)."""

    name: str
    sigma: float
    rule: str
    denoise: str
    fuse: str
    draws: int
    step_rule: str

    def rule_for(self, task: str) -> str:
        """The attack's step rule on the data set `task`."""
        return BY_TASK.get(self.step_rule, {}).get(task, self.step_rule)

    def level(self, sigma: float | None = None) -> NoiseLevel:
        """The noise of this preset, or of another nominal `sigma` under its rule, in the process of 1,000 steps that both denoisers learned."""
        return schedules.level(schedules.linear(), self.sigma if sigma is None else sigma, self.rule)

    def defence(self, kind: str = "dds", sigma: float | None = None, **changes) -> Defence:
        """A defence with this preset's noise, denoiser, draws and fuse, `changes` made."""
        if kind == "none":
            return Defence()
        own = {"level": self.level(sigma), "draws": 1 if kind == "denoiser" else self.draws, "denoise": self.denoise, "fuse": self.fuse}
        return Defence(kind, **(own | changes))


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("corrected", 64 / 255, "cumulative", "one_shot", "mean", 10, "2/255"),
        Preset("paper-text", 8 / 255, "cumulative", "chain", "mean", 10, "2/255"),
        Preset("paper-table3", 8 / 255, "per-step", "one_shot", "mean", 10, "rho/5"),
        Preset("released-code", 8 / 255, "released", "released", "drop_lowest_max", 10, "rho/5"),
    )
}


def preset(name: str) -> Preset:
    return PRESETS[known(name, PRESETS, "preset")]
