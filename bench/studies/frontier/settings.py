"""What a campaign of the frontier measures: its settings, which its first row keeps and its page reads."""

from collections.abc import Sequence
from dataclasses import dataclass

STUDY = "frontier"


@dataclass(frozen=True)
class FrontierSettings:
    """`points`: session, precision and denoiser of each. `levels`: the numbers of draws that are priced; `alone`: those timed with one picture.

    `mapped`: draws of a map; `cells`: how many of a map's largest cells are compared with the reference's. `sigma`: real noise, in pixels.
    """

    n: int
    device: str
    task: str
    sigma: float
    points: Sequence[Sequence[str]]
    levels: Sequence[int]
    alone: Sequence[int]
    mapped: int
    cells: int
