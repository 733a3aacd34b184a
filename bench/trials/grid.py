"""Tables whose cells are looks: which looks they need, and from rows to a grid of ours beside the paper's.

A table is a list of `Cell`s made from `Settings`; measuring writes one row a look, rendering reads rows alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.pages import published
from bench.pages.page import table
from bench.protocols import OURS, Rendered
from bench.records import rows as records
from bench.records.stats import mcnemar, paired_bootstrap, wilson
from bench.trials import page as _page
from bench.trials.run import Look
from bench.trials.scene import Settings

METHODS = {"raw attention": "raw_attention", "rollout": "rollout", "GradCAM": "gradcam", "LRP": "lrp", "VTA": "vta", "random": "random"}
ADAPTIVE = 50  # pictures at most under an attack through the defence
FEWER = f"at most {ADAPTIVE} pictures: an attack through the defence costs a hundred times more"
SHOWN = {"accuracy": "accuracy", "pixel_accuracy": "pixel acc.", "miou": "mIoU", "map": "mAP", "s_faith": "S_Faith", "topk": "V_8",
         "positive_auc": "pos. AUC", "negative_auc": "neg. AUC"}  # fmt: skip


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

    def held(self, rows: list[dict]) -> bool:
        """Are all its looks in one campaign's rows?"""
        head = next(row for row in rows if row["kind"] == "campaign")
        keys = {row["key"] for row in rows if row["kind"] == "look"}
        return all(look.key in keys for look in self.looks(Settings.read(head["settings"])))

    def latest(self, rows: list[dict]) -> list[dict]:
        """The last campaign that holds this table whole, or the last of any: one of Table 10 alone does not unmake the others."""
        return records.latest(rows, self.rows, self.held)

    def render(self, rows: list[dict]) -> Rendered:
        """Markdown, a summary and long-form cells from one campaign's rows."""
        head = next(row for row in rows if row["kind"] == "campaign")
        settings = Settings.read(head["settings"])
        looked = {row["key"]: row for row in rows if row["kind"] == "look"}
        printed = published.cells(self.number)
        cells = [_value(cell, looked, printed, settings) for cell in self.cells(settings)]
        top = f"# Table {self.number}: {self.title}\n\n{self.about}\n"
        looks = self.looks(settings)
        about = _page.head(head, cells, settings, {(look.backbone, look.task) for look in looks})
        paired = _paired(self.cells(settings), looked)
        parts = [top, about, _page.left_out(looks, looked), _page.grid(cells), paired, _page.reasons(cells)]
        return Rendered("\n".join(filter(None, parts)), top + "\n" + _page.grid(cells, whole=False), cells)


def _value(cell: Cell, looked: dict[str, dict], printed: dict[tuple[str, str], float], settings: Settings) -> dict:
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
        word = "not measured" if row is None else row.get("word", "not measured")
        return facts | {"word": word, "reason": "measure it: fvit table" if row is None else row["error"]}
    values = _metric(cell, row)
    if values is None:
        return facts | {"word": "not defined", "reason": f"no picture has a {cell.metric}"}
    ours, low, high = values
    difference = None if paper is None else ours - paper
    notes = [cell.reason, *row.get("warnings", [])]
    return facts | {
        "word": "measured", "reason": "; ".join(filter(None, notes)), "ours": ours, "low": low, "high": high, "difference": difference,
        "n": row["n"], "fewer": row["n"] != settings.n,
        "real_sigma_255": row["real_sigma"], "draws": cell.look.draws, "key": row["key"],
    }  # fmt: skip


def _metric(cell: Cell, row: dict) -> tuple[float, float, float] | list[float] | None:
    """Value and interval."""
    if cell.metric == "accuracy":
        return wilson(row["hits"], row["n"])
    return row.get("one_draw") if cell.metric == "one_draw" else row["maps"][cell.explainer].get(cell.metric)


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
