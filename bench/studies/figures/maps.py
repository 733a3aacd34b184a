"""Figures of maps: each picture, clean and attacked, and where each method's map of it points.

Labels, attacked pictures and the maps of the label given are trials' answers, shared with the tables through their cache.
"""

import io
import math
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from bench.pages import drawing
from bench.studies.figures.catalogue import Choice, Column, Panel
from bench.studies.figures.explain import for_class
from bench.trials.run import Answers, Runner
from bench.trials.trial import Trial
from bench.worlds import defence as defences
from bench.worlds.attack import Threat
from bench.worlds.presets import preset
from runtime.maps import explain

FLAT = 0.05  # of a map's largest cell


@dataclass(frozen=True)
class Outlined:
    """A picture's number, its classes and its objects' outlines by what a column is `of`."""

    number: int
    classes: dict[str, int]
    outlines: dict[str, Tensor]


@dataclass(frozen=True)
class Tile:
    """One map (G1, G2), of class `explained`. `given`: the classifier's label; `votes` (K,): draws by label, where there are draws."""

    column: Column
    relevance: Tensor
    explained: int
    given: int
    votes: Tensor | None


@dataclass(frozen=True)
class PanelRow:
    """One picture at one radius (of 255), and its tiles."""

    picture: Outlined
    radius: int
    image: Tensor
    tiles: list[Tile]

    @property
    def label(self) -> int:
        return self.picture.classes["label"]


def panel_rows(runner: Runner, figure: Panel, choice: Choice) -> list[PanelRow]:
    """Every picture at every radius."""
    backbone = runner.bench(figure.backbone).backbone
    batch = runner.world.pictures(figure.task, "test", choice.pictures, backbone)
    assert batch.masks is not None and batch.others is not None and batch.other_labels is not None, "the figures' tasks have masks"
    made = preset(choice.preset)
    threats = [Threat("pgd", "linf", radius / 255, made.rule_for(figure.task)) if radius else None for radius in figure.radii]
    found = []
    for i, number in enumerate(batch.numbers):
        mask, other = batch.masks[i] == 1, batch.others[i] == 1
        classes = {"label": int(batch.labels[i]), "other": int(batch.other_labels[i])}
        picture = Outlined(number, classes, {"answer": mask, "label": mask, "other": other})
        for radius, threat in zip(figure.radii, threats, strict=True):
            found.append(_row(runner, figure, choice, picture, radius, threat))
    return found


def _row(runner: Runner, figure: Panel, choice: Choice, picture: Outlined, radius: int, threat: Threat | None) -> PanelRow:
    plain, made = Trial(figure.backbone, figure.task, 1, threat=threat), preset(choice.preset)
    tiles: dict[Column, Tile] = {}
    for kind in dict.fromkeys(column.defence for column in figure.columns):
        columns = [column for column in figure.columns if column.defence == kind]
        defence = made.defence(kind) if kind == "none" else made.defence(kind, seed=choice.seed)
        tiles |= _tiles(runner, replace(plain, defence=defence), picture, columns)
    image = runner.answers(plain, [picture.number]).pictures.images[0]
    return PanelRow(picture, radius, image, [tiles[column] for column in figure.columns])


def _tiles(runner: Runner, trial: Trial, picture: Outlined, columns: list[Column]) -> dict[Column, Tile]:
    """The columns behind one defence; its draws are made once."""
    answered = [column for column in columns if column.of == "answer"]
    classes = {column: picture.classes[column.of] for column in columns if column.of != "answer"}
    trial = replace(trial, maps=tuple((column.explainer, "") for column in answered))
    answers = runner.answers(trial, [picture.number])
    given, votes = int(answers.labels[0]), None if answers.votes is None else answers.votes[0]
    maps = {column: answers.maps[column.explainer][0] for column in answered}
    maps |= _of_classes(runner, trial, answers, classes) if classes else {}
    return {column: Tile(column, maps[column], classes.get(column, given), given, votes) for column in columns}


def _of_classes(runner: Runner, trial: Trial, answers: Answers, classes: dict[Column, int]) -> dict[Column, Tensor]:
    """Maps of given classes, whatever the classifier or a draw answers."""
    bench, pictures = runner.bench(trial.backbone), answers.pictures
    explainers = {str(column): for_class(explain.build(column.explainer, bench.backbone), number) for column, number in classes.items()}
    answer = defences.answer(bench, trial.defence, trial.engine, pictures.images.to(bench.device), pictures.numbers, explainers)
    return {column: answer.maps[str(column)][0].cpu() for column in classes}


def draw(rows: list[PanelRow], about: str) -> Figure:
    """The picture first, then its maps; below them `about`."""
    columns = 1 + len(rows[0].tiles)
    side = min(1.5, max(1.15, 9 / math.sqrt(columns * len(rows))))  # inches; many tiles are smaller, for the file's sake
    figure = Figure(figsize=(side * columns + 0.3, (side + 0.28) * len(rows) + 0.2), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.06)  # type: ignore[union-attr, call-arg]
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for places, row in zip(axes, rows, strict=True):
        state = f"PGD {row.radius}/255" if row.radius else "clean"
        title = f"picture {row.picture.number}, class {row.label}\n{state}"
        drawing.show_picture(places[0], row.image, title, row.picture.outlines["label"])
        for axis, tile in zip(places[1:], row.tiles, strict=True):
            _tile(axis, tile, row, named=row is rows[0] or tile.column.of != "answer")
    drawing.caption(figure, about)
    return figure


def _tile(axes: Axes, tile: Tile, row: PanelRow, named: bool) -> None:
    """The map from its smallest cell to its largest."""
    right, shown = tile.given == row.label, tile.relevance.clamp_min(0)
    draws = "" if tile.votes is None else f" ({int(tile.votes[tile.given])} of {int(tile.votes.sum())})"
    flat = " ≈" if shown.max() - shown.min() <= FLAT * shown.max() else ""
    name = tile.column.name + ("" if tile.column.of == "answer" else f", class {tile.explained}")
    title = f"says {tile.given}{draws} {'✓' if right else '✗'}{flat}"
    outline = row.picture.outlines[tile.column.of]
    drawing.show_map(axes, shown - shown.min(), f"{name}\n{title}" if named else title, row.image.shape[-1], outline)
    axes.title.set_color("#00702a" if right else "#b00020")


def arrays(rows: list[PanelRow]) -> bytes:
    """A .npz by picture/radius: the picture, its outlines and each column's map."""
    found: dict[str, np.ndarray] = {}
    for row in rows:
        at = f"{row.picture.number}/{row.radius}"
        found[f"{at}/image"] = row.image.numpy()
        found |= {f"{at}/outline, {of}": mask.numpy() for of, mask in row.picture.outlines.items()}
        found |= {f"{at}/{tile.column.name}, {tile.column.of}": tile.relevance.numpy() for tile in row.tiles}
    file = io.BytesIO()
    np.savez_compressed(file, **found)  # type: ignore[arg-type]
    return file.getvalue()


def cells(rows: list[PanelRow]) -> list[dict]:
    """One record per map. `inside`: share of its relevance within its object's outline."""
    return [
        {
            "picture": row.picture.number, "radius": row.radius, "label": row.label, "column": tile.column.name,
            "defence": tile.column.defence, "explainer": tile.column.explainer, "explained": tile.explained, "given": tile.given,
            "votes": "" if tile.votes is None else int(tile.votes[tile.given]),
            "inside": round(_inside(tile.relevance, row.picture.outlines[tile.column.of]), 4),
        }
        for row in rows for tile in row.tiles
    ]  # fmt: skip


def _inside(relevance: Tensor, outline: Tensor) -> float:
    shown = explain.upsampled(relevance[None].clamp_min(0), outline.shape[-1])[0]
    return float(shown[outline].sum() / shown.sum().clamp_min(1e-30))
