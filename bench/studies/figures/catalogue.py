"""The figures of maps, each a few parameters; Figure 3, curves, is `bench/tables/figure3.py`.

What the paper has of each is its design: methods under PGD (1, 5, 7, 8), two classes of one picture (2, 4, 6, 10), the parts of DDS (9).
Which backbone, pictures and radii stand in it here is our choice.
"""

from dataclasses import dataclass

from bench.protocols import OURS


@dataclass(frozen=True)
class Choice:
    """What the user chooses: `pictures` of the test split for the panels."""

    pictures: tuple[int, ...]
    preset: str
    seed: int


@dataclass(frozen=True)
class Column:
    """A map behind `defence`, of the class `of`: answer (what the classifier says), label, or other (of a picture with two objects)."""

    name: str
    defence: str = "none"
    explainer: str = "vta"
    of: str = "answer"


@dataclass(frozen=True)
class Panel:
    """A row for each picture and radius (of 255, 0: clean), a column for each map."""

    title: str
    columns: tuple[Column, ...]
    radii: tuple[int, ...]
    backbone: str = "vit_embedded"
    task: str = "digits"


METHODS = (
    Column("raw attention", explainer="raw_attention"),
    Column("rollout", explainer="rollout"),
    Column("GradCAM", explainer="gradcam"),
    Column("LRP", explainer="lrp"),
    Column("VTA"),
    Column(OURS, "dds"),
)
BOTH = tuple(Column(name, defence, of=of) for of in ("label", "other") for name, defence in (("VTA", "none"), (OURS, "dds")))
PARTS = (
    Column(OURS, "dds"),
    Column("without smoothing", "denoiser"),
    Column("without denoising", "noise"),
    Column("without both (VTA)", "none"),
)
UNDER, TWO = "the methods' maps under PGD", "maps of two classes in one picture"

FIGURES: dict[str, Panel] = {
    "1": Panel(UNDER, METHODS, (0, 8)),
    "2": Panel(TWO, BOTH, (0, 8), task="pairs"),
    "4": Panel(TWO, BOTH, (0, 8), "deit_embedded", "pairs"),
    "5": Panel(UNDER, METHODS, (0, 4, 8), "deit_embedded"),
    "6": Panel(TWO, BOTH, (0, 8), "swin_embedded", "pairs"),
    "7": Panel(UNDER, METHODS, (0, 9, 10)),
    "8": Panel(UNDER, METHODS, (0, 2, 6, 10), "swin_embedded"),
    "9": Panel("the parts of DDS under PGD", PARTS, (0, 8)),
    "10": Panel(TWO, BOTH, (0, 4, 10), task="pairs"),
}
