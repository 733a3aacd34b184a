"""The denoiser's gain in PSNR, wanted next to measured, from rows alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.pages.page import NONE, Page, missing, section, table
from bench.records.campaign import head_of
from bench.records.rows import AnyRow, Failed, Gained, Missing, Why
from bench.records.stats import Interval, mean
from bench.studies.denoiser.measure import NOISES, DenoiserSetting

WANTED = {8: 7.0, 16: 9.0, 32: 11.0, 64: 13.0}  # of 255: dB
TITLE = "The denoiser: gain in PSNR"
PICTURES = """![test pictures of each task](samples.png)

![clean, noisy and denoised pictures](denoised.png)
"""


@dataclass(frozen=True)
class Gain:
    """At nominal `noise` (of 255): the mean over `n` pictures, or why there is none; `sigma`: the noise really added (pixels)."""

    noise: int
    decibels: Interval | Missing
    n: int = 0
    sigma: float | None = None

    @property
    def number(self) -> Interval | None:
        return self.decibels if isinstance(self.decibels, Interval) else None

    def line(self) -> list[str]:
        wanted = WANTED[self.noise]
        if self.number is None or self.sigma is None:
            assert isinstance(self.decibels, Missing)
            return [f"{self.noise}/255", f">= {wanted:g} dB", missing(self.decibels), NONE, "not measured"]
        value, low, high = self.number
        told = f"{value:+.1f} dB [{low:+.1f}, {high:+.1f}]"
        return [f"{255 * self.sigma:.1f}/255", f">= {wanted:g} dB", told, str(self.n), "yes" if value >= wanted else "**no**"]

    def facts(self) -> dict:
        """For programs: one flat record."""
        found = self.number
        return {
            "group": TITLE, "row": "gain in PSNR (dB)", "column": f"{self.noise}/255", "metric": "psnr_gain",
            "ours": found and found.value, "low": found and found.low, "high": found and found.high, "n": self.n,
            "real_sigma_255": None if self.sigma is None else 255 * self.sigma,
            "why": self.decibels.why if isinstance(self.decibels, Missing) else "",
            "reason": self.decibels.reason if isinstance(self.decibels, Missing) else f"wanted: {WANTED[self.noise]:g} dB",
        }  # fmt: skip


def gains(rows: Sequence[AnyRow]) -> list[Gain]:
    """One per noise, from one campaign's rows."""
    measured = {row.key: row for row in rows if isinstance(row, Gained)}
    failed = {row.key: row.missing for row in rows if isinstance(row, Failed)}
    found = []
    for noise in NOISES:
        if (row := measured.get(str(noise))) is not None:
            found.append(Gain(noise, mean(row.decibels), len(row.decibels), row.sigma))
        else:
            found.append(Gain(noise, failed.get(str(noise), Missing(Why.NOT_MEASURED, "the same command goes on"))))
    return found


def render(rows: Sequence[AnyRow]) -> Page:
    """A section of the world's page."""
    found, setting = gains(rows), DenoiserSetting.read(head_of(rows).settings)
    lines = table(["real noise", "wanted", "gain, mean [95 %]", "pictures", "reached"], [gain.line() for gain in found])
    about = f"One-shot denoising, test pictures of {', '.join(setting.tasks)} together, {setting.images} of each.\n"
    reasons = "".join(f"- {gain.noise}/255: {gain.decibels.reason}\n" for gain in found if isinstance(gain.decibels, Missing))
    return Page(section(TITLE, about, lines, reasons, PICTURES), [gain.facts() for gain in found])
