"""A figure of maps with its caption, the numbers behind it and what made them."""

import json
from dataclasses import asdict

from matplotlib.figure import Figure

from bench.pages import drawing
from bench.pages.page import Page
from bench.records import machine
from bench.studies.figures import maps
from bench.studies.figures.catalogue import Choice, Panel
from bench.studies.figures.maps import FLAT, PanelRow
from bench.worlds.presets import preset

MOST = 150_000  # bytes of a PNG


def panel(number: str, figure: Panel, choice: Choice, rows: list[PanelRow], weights: dict[str, str]) -> Page:
    """A figure of maps; `weights`: their hashes."""
    about = caption(figure, choice)
    facts = {"weights": weights, "environment": machine.environment()}
    drawn = maps.draw(rows, _titled(number, figure, about))
    page = _page(figure.title, _made(number, figure, choice, about) | facts, drawn, maps.cells(rows))
    return Page(page.markdown, page.cells, page.plots | {f"figure{number}.npz": maps.arrays(rows)}, page.summary)


def _made(number: str, figure: Panel, choice: Choice, about: str) -> dict:
    return {"figure": number, "caption": about, "parameters": asdict(figure), "choice": asdict(choice)}


def _page(title: str, made: dict, drawn: Figure, cells: list[dict]) -> Page:
    """The PNG, and next to it as JSON what made it."""
    number, about = made["figure"], made["caption"]
    markdown = f"# Figure {number}: {title}\n\n{about}\n"
    files = {f"figure{number}.png": drawing.png(drawn, MOST), f"figure{number}.json": (json.dumps(made, indent=1) + "\n").encode()}
    return Page(markdown, cells, files)


def _titled(number: str, figure: Panel, about: str) -> str:
    return f"Figure {number}: {figure.title}. {about}"


def caption(figure: Panel, choice: Choice) -> str:
    """What a reader has to know of the figure. Our choices are named as ours."""
    made = preset(choice.preset)
    return (
        f"Embedded world (digits on photographs, not the paper's data), task {figure.task}, {figure.backbone}. {_of_panel(figure, choice)} "
        f"Preset {made.name}: real noise {255 * made.level().sigma:.1f}/255, {made.draws} draws, maps fused by {made.fuse}. "
        f"Attack: PGD l_inf, step rule {made.rule_for(figure.task)}, random start, on the undefended network. Seed {choice.seed}. "
        "Backbone, pictures and radii are our choice."
    )


def _of_panel(figure: Panel, choice: Choice) -> str:
    numbers = ", ".join(map(str, choice.pictures))
    explained, outlined = "the label given, which an attack may change", "the labelled object"
    if any(column.of != "answer" for column in figure.columns):
        explained, outlined = "the class named", "in the picture the labelled object, on a map the explained one"
    return (
        f"n = {len(choice.pictures)} test pictures ({numbers}): examples, not a measurement. A map explains {explained}; 'says': the label "
        f"that the (defended) classifier gave, ✓ where right. Outlined: {outlined}. "
        f"Each map from its smallest cell to its largest; ≈: they differ by less than {FLAT:.0%}."
    )
