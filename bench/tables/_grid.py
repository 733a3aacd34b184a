"""Tables whose cells are looks: which looks they need, and from rows to a grid of ours beside the paper's.

A table is a list of `Cell`s made from `Settings`; measuring writes one row a look, rendering reads rows alone.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from bench import published
from bench.attacks.autoattack import QUERIES
from bench.looks import STEPS, Look
from bench.markdown import table
from bench.presets import preset
from bench.protocols import Rendered
from bench.stats import mcnemar, paired_bootstrap, wilson

BACKBONES = {"ViT": "vit_embedded", "DeiT": "deit_embedded", "Swin": "swin_embedded"}
DATA = {"digits": "ImageNet", "pairs": "COCO", "crowd": "Cityscapes"}  # the embedded tasks stand where the paper has these
METHODS = {"raw attention": "raw_attention", "rollout": "rollout", "GradCAM": "gradcam", "LRP": "lrp", "VTA": "vta", "random": "random"}
OURS = "ours (VTA + DDS)"
ADAPTIVE = 50  # pictures at most under an attack through the defence
SHOWN = {"accuracy": "accuracy", "pixel_accuracy": "pixel acc.", "miou": "mIoU", "map": "mAP", "s_faith": "S_Faith", "topk": "V_8",
         "positive_auc": "pos. AUC", "negative_auc": "neg. AUC"}  # fmt: skip
UNREAD = "the paper's cell is not in bench/tables/published: no copy of the paper could be read where these files were written"


@dataclass(frozen=True)
class Settings:
    """What a campaign of looks is made with."""

    n: int = 200
    preset: str = "corrected"
    seed: int = 0


@dataclass(frozen=True)
class Cell:
    """`metric`: accuracy, or a metric of `explainer`'s maps. No `look`: `reason` says why there is no number, `word` what kind of why.

    Columns of one `group` are shown together.
    """

    row: str
    column: str
    metric: str
    look: Look | None
    explainer: str = ""
    word: str = "measured"
    reason: str = ""
    group: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Row and whole column, as in the published files."""
        return self.row, f"{self.group} {self.column}".strip()


@dataclass(frozen=True)
class Grid:
    """A table of looks; `about`: what its head says besides the settings."""

    number: int
    title: str
    about: str
    cells: Callable[[Settings], list[Cell]]

    @property
    def rows(self) -> str:
        """Whose campaign its rows are in."""
        return "looks"

    def looks(self, settings: Settings) -> list[Look]:
        return list(dict.fromkeys(cell.look for cell in self.cells(settings) if cell.look))

    def render(self, rows: list[dict]) -> Rendered:
        """Markdown, a summary and long-form cells from one campaign's rows."""
        head = next(row for row in rows if row["kind"] == "campaign")
        settings = Settings(**{name: head["settings"][name] for name in asdict(Settings())})
        looked = {row["key"]: row for row in rows if row["kind"] == "look"}
        printed = published.cells(self.number)
        cells = [_value(cell, looked, printed) for cell in self.cells(settings)]
        top = f"# Table {self.number}: {self.title}\n\n{self.about}\n"
        parts = [top, _head(head, cells, settings), _grid(cells), _paired(self.cells(settings), looked), _reasons(cells)]
        return Rendered("\n".join(filter(None, parts)), top + "\n" + _grid(cells, whole=False), cells)


def _value(cell: Cell, looked: dict[str, dict], printed: dict[tuple[str, str], float]) -> dict:
    paper = printed.get(cell.place)
    facts = {
        "group": cell.group,
        "row": cell.row,
        "column": cell.column,
        "metric": cell.metric,
        "explainer": cell.explainer,
        "paper": paper,
        "ours": None,
    }
    if cell.look is None:
        return facts | {"word": cell.word, "reason": cell.reason}
    row = looked.get(cell.look.key)
    if row is None or "error" in row:
        return facts | {"word": "not measured", "reason": "measure it: fvit table" if row is None else row["error"]}
    values = wilson(row["hits"], row["n"]) if cell.metric == "accuracy" else row["maps"][cell.explainer].get(cell.metric)
    if values is None:
        return facts | {"word": "not defined", "reason": f"no picture has a {cell.metric}"}
    ours, low, high = values
    difference = None if paper is None else ours - paper
    return facts | {
        "word": "measured", "reason": cell.reason, "ours": ours, "low": low, "high": high, "n": row["n"], "difference": difference,
        "real_sigma_255": row["real_sigma"], "draws": cell.look.draws, "key": row["key"],
    }  # fmt: skip


def _head(head: dict, cells: list[dict], settings: Settings) -> str:
    made, environment = preset(settings.preset), head["environment"]
    noises = sorted({cell["real_sigma_255"] for cell in cells if cell.get("real_sigma_255")})
    weights = "; ".join(f"{name} {value}" for name, value in head["weights"].items())
    lines = [
        f"preset `{made.name}`: nominal sigma {made.sigma:g}/255 under rule `{made.rule}`, denoiser `{made.denoise}`, maps fused by "
        f"`{made.fuse}`, {made.draws} draws; noise is added in pixels on the denoiser's 64 x 64 grid; real noise of these cells (of 255): "
        f"{', '.join(f'{noise:.1f}' for noise in noises) or 'none'}",
        f"attack: steps of {made.step} as printed, random start, untargeted, on the undefended network unless a row says otherwise; the "
        f"attacked pictures are looked at once, with noise that the attacker did not see; randomised accuracy: majority of the draws; "
        f"AutoAttack has {STEPS['autoattack']} steps a stage and {QUERIES * STEPS['autoattack']} queries (the official set: 100 and 5,000)",
        f"maps explain the label that the (defended) classifier gave; n up to {settings.n} test pictures a cell, seed {settings.seed}",
        f"world `embedded`: {weights}; its tasks stand where the paper has other data ({', '.join(f'{a}: {b}' for a, b in DATA.items())})",
        f"commit {environment['commit']}, {environment['cpu']}, {environment['cores']} cores, torch {environment['versions']['torch']}, "
        f"timm {environment['versions']['timm']}, session ort fp32, execution batch 10",
    ]
    if all(cell["paper"] is None for cell in cells):
        lines.append(f"paper: {UNREAD}")
    return "".join(f"- {line}\n" for line in lines)


def _grid(cells: list[dict], whole: bool = True) -> str:
    """A table for each group of columns; with intervals, or the values alone."""
    parts = []
    for group in dict.fromkeys(cell["group"] for cell in cells):
        mine = [cell for cell in cells if cell["group"] == group]
        columns = list(dict.fromkeys(cell["column"] for cell in mine))
        by_place = {(cell["row"], cell["column"]): cell for cell in mine}
        lines = [
            [row, *(_told(by_place.get((row, column)), whole) for column in columns)] for row in dict.fromkeys(cell["row"] for cell in mine)
        ]
        parts.append((f"### {group}\n\n" if group else "") + table(["", *columns], lines))
    return "\n".join(parts)


def _told(cell: dict | None, whole: bool) -> str:
    if cell is None:
        return ""
    if cell["ours"] is None:
        return f"– ({cell['word']})"
    if not whole:
        return f"{cell['ours']:.3f}"
    paper = "" if cell["paper"] is None else f" (paper {cell['paper']:g}, {cell['difference']:+.2f})"
    return f"{cell['ours']:.3f} [{cell['low']:.2f}, {cell['high']:.2f}]" + (f" n={cell['n']}" if cell["reason"] else "") + paper


def _paired(cells: list[Cell], looked: dict[str, dict]) -> str:
    """Ours against every other method on the same pictures, column by column; an accuracy that several methods share stands once."""
    measured = [cell for cell in cells if cell.look and "error" not in looked.get(cell.look.key, {"error": ""})]
    pairs = {}
    for ours in (cell for cell in measured if cell.row.endswith(OURS) and cell.metric in ("accuracy", "pixel_accuracy")):
        for other in (cell for cell in measured if _rival(ours, cell)):
            assert ours.look and other.look
            who = other.look.key if ours.metric == "accuracy" else other.row
            pairs.setdefault((ours.place, who), (ours, other, looked[ours.look.key], looked[other.look.key]))
    lines = [[pair[0].place[1], pair[0].row, pair[1].row, *_difference(*pair)] for pair in pairs.values()]
    names = ["column", "method", "against", "difference [95 %]", "p (McNemar, exact)"]
    return "\n## Paired differences, same pictures\n\n" + table(names, lines) if lines else ""


def _rival(ours: Cell, other: Cell) -> bool:
    """Another method in the same column, of the same backbone or under the same attack, looked at on as many pictures."""
    assert ours.look and other.look
    same = (other.place[1], other.metric, other.look.images) == (ours.place[1], ours.metric, ours.look.images)
    return same and other.row != ours.row and other.row.startswith(ours.row.removesuffix(OURS))


def _difference(ours: Cell, other: Cell, first: dict, second: dict) -> tuple[str, str]:
    if ours.metric == "accuracy":
        a, b = (np.array([hit == "1" for hit in row["right"]]) for row in (first, second))
        middle, low, high = paired_bootstrap(a, b, 0)
        return f"{middle:+.3f} [{low:+.3f}, {high:+.3f}]", f"{mcnemar(a, b):.2g}"
    a, b = (np.array(row["maps"][cell.explainer]["each"]) / 1000 for cell, row in ((ours, first), (other, second)))
    middle, low, high = paired_bootstrap(a, b, 0)
    return f"{middle:+.3f} [{low:+.3f}, {high:+.3f}]", "–"


def _reasons(cells: list[dict]) -> str:
    lines = dict.fromkeys(f"- {cell['row']}, {cell['column']}: {cell['word']}: {cell['reason']}" for cell in cells if cell["reason"])
    return "\n## Notes on cells\n\n" + "\n".join(lines) + "\n" if lines else ""
