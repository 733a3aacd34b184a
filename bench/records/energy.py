"""Joules that the processor's own counters give (Intel's and AMD's RAPL, /sys/class/powercap): of whole packages, whoever keeps them busy."""

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


class EnergyMeter:
    """`why`: the reason why nothing can be read here, "" where it can. Counters of single cores or of memory are left out: a package has them."""

    def __init__(self, folder: Path = POWERCAP):
        self.zones = sorted(zone for zone in folder.glob("intel-rapl:*") if zone.name.count(":") == 1)
        self.why = "" if self.zones else f"no energy counters in {folder}/intel-rapl:*"
        try:
            self.read()
        except OSError as error:
            self.why = f"the energy counters in {folder} cannot be read ({error.strerror})"

    def read(self) -> list[int]:
        """Microjoules of each package, since some moment."""
        return [int((zone / "energy_uj").read_text()) for zone in self.zones]

    def spent(self, before: list[int]) -> float:
        """Joules since `before`, all packages; a counter that has passed its largest value once began again at 0."""
        total = 0
        for zone, first, last in zip(self.zones, before, self.read(), strict=True):
            total += last - first if last >= first else last - first + int((zone / "max_energy_range_uj").read_text())
        return total / 1e6
