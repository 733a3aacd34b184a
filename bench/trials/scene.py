"""What a table of looks is made with: settings, and which backbones and data stand in its rows and columns in each world."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from bench.worlds.sources import NEEDS

PAPER = {"imagenet_seg": "ImageNet", "coco": "COCO", "cityscapes": "Cityscapes"}  # with masks


@dataclass(frozen=True)
class Scene:
    """`backbones`: shown name -> name. `tasks` have masks. One-network tables take the first backbone, and `task` or `labelled` (for accuracy)."""

    backbones: Mapping[str, str]
    tasks: tuple[str, ...]
    task: str
    labelled: tuple[str, ...]
    about: str

    @property
    def main(self) -> str:
        return next(iter(self.backbones.values()))


@dataclass(frozen=True)
class Settings:
    """What a campaign of looks is made with; `data` and `checkpoints` are what the user gave, in the world `paper`.

    `long`: the attacks that take hours as well.
    """

    n: int = 200
    preset: str = "corrected"
    seed: int = 0
    world: str = "embedded"
    data: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    long: bool = False

    @classmethod
    def read(cls, facts: Mapping) -> "Settings":
        """From a campaign's head."""
        given = {field.name: facts[field.name] for field in fields(cls) if field.name in facts}
        lists: dict[str, Any] = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
        return cls(**(given | lists))

    @property
    def scene(self) -> Scene:
        return EMBEDDED if self.world == "embedded" else _paper(self.data, self.checkpoints)


EMBEDDED = Scene(
    {"ViT": "vit_embedded", "DeiT": "deit_embedded", "Swin": "swin_embedded"},
    ("digits", "pairs", "crowd"),
    "digits",
    ("digits", "pairs", "crowd"),
    "the trained networks that ship; its tasks stand where the paper has other data (digits: ImageNet, pairs: COCO, crowd: Cityscapes)",
)
NAMES = {"ViT": "vit_b16", "DeiT": "deit_b16", "Swin": "swin_b"}


def _paper(data: tuple[str, ...], checkpoints: tuple[str, ...]) -> Scene:
    """The paper's backbones, those with a checkpoint first, other networks under their own names; the folder of pictures where one came."""
    named = {shown: name for shown, name in NAMES.items() if name in checkpoints}
    named |= {name: name for name in checkpoints if name not in NAMES.values()}
    given = [name for name in NEEDS if name in data]
    masked = [name for name in given if name != "imagenet"]
    own = ("folder",) if "folder" in data else ()
    labelled = "imagenet" if "imagenet" in data or "imagenet_seg" not in data else "imagenet_seg"
    return Scene(
        named | NAMES,
        (*PAPER, *own),
        masked[0] if masked else "imagenet_seg",
        tuple(sorted({*own, labelled, "coco", "cityscapes"}, key=lambda name: (name not in given, list(NEEDS).index(name)))),
        "tables of one data set take the first that was given: " + (", ".join(given) or "none was"),
    )
