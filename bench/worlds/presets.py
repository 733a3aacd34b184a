"""What the paper leaves open, decided by name: `--preset`. The head of every table prints the one that made it.

corrected      the embedded world's own noise (chosen on the validation split), added in pixels, one denoiser call, mean of the maps
paper-text     sigma = 8/255, t* of the printed formula, the whole chain, mean of the maps (Algorithms 1 and 2)
paper-table3   sigma = 8/255, the t* that Table 3 prints (per-step rule), one call, as its seconds show; attack steps of rho / 5
released-code  the released code's chain and noise; maps fused as in Appendix G
"""

from dataclasses import dataclass

from bench.worlds.world import NOISE
from runtime.diffusion import schedule as schedules
from runtime.diffusion.schedule import NoiseLevel, NoiseSchedule
from runtime.plugins import known


@dataclass(frozen=True)
class Preset:
    """`sigma`: nominal, of 255; `rule` makes it real noise and a t*; `step`: the attack's, by its printed name."""

    name: str
    sigma: float
    rule: str
    denoise: str
    fuse: str
    draws: int
    step: str

    def level(self, schedule: NoiseSchedule, sigma: float | None = None) -> NoiseLevel:
        """The noise of this preset, or of another nominal `sigma` (of 255) under its rule."""
        nominal = (self.sigma if sigma is None else sigma) / 255
        return schedules.released_level(schedule, nominal) if self.rule == "released" else schedules.level(schedule, nominal, self.rule)


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("corrected", NOISE, "cumulative", "one_shot", "mean", 10, "2/255"),
        Preset("paper-text", 8, "cumulative", "chain", "mean", 10, "2/255"),
        Preset("paper-table3", 8, "per-step", "one_shot", "mean", 10, "rho/5"),
        Preset("released-code", 8, "released", "released", "drop_lowest_max", 10, "rho/5"),
    )
}


def preset(name: str) -> Preset:
    return PRESETS[known(name, PRESETS, "preset")]
