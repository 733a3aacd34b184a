"""Figures of maps: each picture, clean and attacked, and where each method's map of it points.

Labels, attacked pictures and the maps of the label given are looks, shared with the tables through their cache.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from bench.pages import drawing as panels
from bench.studies.figures.catalogue import Asked, Column, Panel
from bench.studies.figures.explain import for_class
from bench.trials.run import Look, Looker, Seen
from bench.worlds import defence as defences
from bench.worlds import presets
from bench.worlds.data import digits as embedded
from bench.worlds.defence import Defence
from bench.worlds.workbench import Workbench
from runtime.maps import explain

FLAT = 0.05  # of a map's largest cell
OBJECTS = {"answer": 1, "label": 1, "other": 2}  # in embedded.Batch.masks


@dataclass(frozen=True)
class Subject:
    """A picture's number, its classes and its objects' outlines by what a column is `of`."""

    number: int
    classes: dict[str, int]
    outlines: dict[str, Tensor]


@dataclass(frozen=True)
class Tile:
    """One map (G1, G2), of class `explained`. `given`: what the classifier says; `votes` (K,): draws by label, where there are draws."""

    column: Column
    relevance: Tensor
    explained: int
    given: int
    votes: Tensor | None


@dataclass(frozen=True)
class Line:
    """One picture at one radius (of 255), and its tiles."""

    subject: Subject
    radius: int
    image: Tensor
    tiles: list[Tile]

    @property
    def label(self) -> int:
        return self.subject.classes["label"]


def lines(looker: Looker, figure: Panel, asked: Asked) -> list[Line]:
    """Every picture at every radius."""
    batch = embedded.batch(figure.task, "test", asked.pictures)
    subjects = [
        Subject(number, {"label": label, "other": other}, {of: mask == value for of, value in OBJECTS.items()})
        for number, label, other, mask in zip(asked.pictures, batch.labels.tolist(), batch.others.tolist(), batch.masks, strict=True)
    ]
    clean = Look(figure.backbone, figure.task, 1, asked.preset, seed=asked.seed)
    looks = {radius: replace(clean, attack="pgd", eps=radius) if radius else clean for radius in figure.radii}
    return [_line(looker, figure, subject, look) for subject in subjects for look in looks.values()]


def _line(looker: Looker, figure: Panel, subject: Subject, look: Look) -> Line:
    found: dict[Column, Tile] = {}
    for defence in dict.fromkeys(column.defence for column in figure.columns):
        mine = [column for column in figure.columns if column.defence == defence]
        found |= _tiles(looker, replace(look, defence=defence), subject, mine)
    image = looker.seen(look, range(subject.number, subject.number + 1)).pictures.images[0]
    return Line(subject, int(look.eps), image, [found[column] for column in figure.columns])


def _tiles(looker: Looker, look: Look, subject: Subject, columns: list[Column]) -> dict[Column, Tile]:
    """The columns behind one defence; its draws are made once."""
    answered = [column for column in columns if column.of == "answer"]
    asked = {column: subject.classes[column.of] for column in columns if column.of != "answer"}
    look = replace(look, explainers=tuple(column.explainer for column in answered))
    seen = looker.seen(look, range(subject.number, subject.number + 1))
    given, votes = int(seen.labels[0]), None if seen.votes is None else seen.votes[0]
    maps = {column: seen.maps[column.explainer][0] for column in answered}
    maps |= _of_classes(looker.bench(look.backbone), look, seen, asked) if asked else {}
    return {column: Tile(column, maps[column], asked.get(column, given), given, votes) for column in columns}


def _of_classes(bench: Workbench, look: Look, seen: Seen, classes: dict[Column, int]) -> dict[Column, Tensor]:
    """Maps of the classes asked for, whatever the classifier or a draw says."""
    made = presets.preset(look.preset)
    level = None if look.defence == "none" else made.level(bench.world.denoiser.schedule)
    defence = Defence(look.defence, level, made.draws, look.seed, denoise=made.denoise)
    explainers = {
        str(column): for_class(explain.build(column.explainer, bench.world.backbone), number) for column, number in classes.items()
    }
    found = defences.answer(bench, seen.pictures.images, seen.pictures.numbers, defence, explainers, made.fuse)
    return {column: found.maps[str(column)][0] for column in classes}


def draw(shown: list[Line], about: str) -> Figure:
    """The picture first, then its maps; below them `about`."""
    columns = 1 + len(shown[0].tiles)
    side = min(1.5, max(1.15, 9 / math.sqrt(columns * len(shown))))  # inches; many tiles are smaller, for the file's sake
    figure = Figure(figsize=(side * columns + 0.3, (side + 0.28) * len(shown) + 0.2), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.06)  # type: ignore[union-attr, call-arg]
    axes = figure.subplots(len(shown), columns, squeeze=False)
    for places, line in zip(axes, shown, strict=True):
        state = f"PGD {line.radius}/255" if line.radius else "clean"
        number, outline = line.subject.number, line.subject.outlines["label"]
        panels.show_picture(places[0], line.image, f"picture {number}, class {line.label}\n{state}", outline)
        for axis, tile in zip(places[1:], line.tiles, strict=True):
            _tile(axis, tile, line, named=line is shown[0] or tile.column.of != "answer")
    panels.caption(figure, about)
    return figure


def _tile(axes: Axes, tile: Tile, line: Line, named: bool) -> None:
    """The map from its smallest cell to its largest."""
    right, shown = tile.given == line.label, tile.relevance.clamp_min(0)
    draws = "" if tile.votes is None else f" ({int(tile.votes[tile.given])} of {int(tile.votes.sum())})"
    flat = " ≈" if shown.max() - shown.min() <= FLAT * shown.max() else ""
    name = tile.column.name + ("" if tile.column.of == "answer" else f", class {tile.explained}")
    title = f"says {tile.given}{draws} {'✓' if right else '✗'}{flat}"
    outline = line.subject.outlines[tile.column.of]
    panels.show_map(axes, shown - shown.min(), f"{name}\n{title}" if named else title, line.image.shape[-1], outline)
    axes.title.set_color("#00702a" if right else "#b00020")


def arrays(shown: list[Line]) -> dict[str, np.ndarray]:
    """By picture/radius: the picture, its outlines and each column's map."""
    found = {}
    for line in shown:
        at = f"{line.subject.number}/{line.radius}"
        found[f"{at}/image"] = line.image.numpy()
        found |= {f"{at}/outline, {of}": mask.numpy() for of, mask in line.subject.outlines.items()}
        found |= {f"{at}/{tile.column.name}, {tile.column.of}": tile.relevance.numpy() for tile in line.tiles}
    return found


def table(shown: list[Line]) -> list[dict]:
    """A row a map. `inside`: share of its relevance within its object's outline."""
    return [
        {
            "picture": line.subject.number, "radius": line.radius, "label": line.label, "column": tile.column.name,
            "defence": tile.column.defence, "explainer": tile.column.explainer, "explained": tile.explained, "given": tile.given,
            "votes": "" if tile.votes is None else int(tile.votes[tile.given]),
            "inside": round(_inside(tile.relevance, line.subject.outlines[tile.column.of]), 4),
        }
        for line in shown for tile in line.tiles
    ]  # fmt: skip


def _inside(relevance: Tensor, outline: Tensor) -> float:
    shown = explain.upsampled(relevance[None].clamp_min(0), outline.shape[-1])[0]
    return float(shown[outline].sum() / shown.sum().clamp_min(1e-30))
