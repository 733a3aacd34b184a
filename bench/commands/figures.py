"""`fvit figures`: the paper's figures on the embedded world: a PNG, the numbers behind it and what made them."""

import argparse
import csv
import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console

from bench.pages import drawing as panels
from bench.records import machine
from bench.records.clock import settled
from bench.studies.figures import curves as figure_curves
from bench.studies.figures import maps as figure_panels
from bench.studies.figures.catalogue import FIGURES, Asked, Curves, Panel
from bench.studies.figures.maps import FLAT
from bench.trials import campaign as tabling
from bench.trials.run import Looker
from bench.worlds import presets
from runtime.errors import FvitError

MOST = 150_000  # bytes of a PNG


@dataclass(frozen=True)
class Made:
    """A figure, its caption, its numbers as rows and (of a panel) arrays, and what made them."""

    drawn: Figure
    title: str
    about: str
    table: list[dict]
    arrays: dict[str, np.ndarray]
    facts: dict


def run(options: argparse.Namespace) -> int:
    """Draws one figure or all."""
    console, asked = Console(), Asked(options.picture, options.n, options.preset, options.seed)
    folder = tabling.folder(options.results) / "figures"
    looker = Looker(lambda line: console.print(f"[dim]{line}[/dim]", highlight=False))
    with settled():
        for number in FIGURES if options.number == "all" else (options.number,):
            _write(_made(number, looker, asked), folder / f"figure{number}.png")
            console.print(f"written: {folder}/figure{number}.*", highlight=False, soft_wrap=True)
    return 0


def _made(number: str, looker: Looker, asked: Asked) -> Made:
    figure, arrays = FIGURES[number], {}
    if isinstance(figure, Curves):
        table = figure_curves.rows(looker, figure, asked)
        draw = partial(figure_curves.draw, table)
    else:
        shown = figure_panels.lines(looker, figure, asked)
        table, arrays = figure_panels.table(shown), figure_panels.arrays(shown)
        draw = partial(figure_panels.draw, shown)
    world, title = looker.bench(figure.backbone).world, f"Figure {number}: {figure.title}"
    about = caption(figure, asked, 255 * presets.preset(asked.preset).level(world.denoiser.schedule).sigma, table)
    facts = {"figure": number, "caption": about, "parameters": asdict(figure), "asked": asdict(asked), "weights": world.fingerprints()}
    return Made(draw(f"{title}. {about}"), title, about, table, arrays, facts | {"environment": machine.environment()})


def _write(made: Made, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(panels.png(made.drawn, MOST))
        path.with_suffix(".md").write_text(f"# {made.title}\n\n{made.about}\n")
        path.with_suffix(".json").write_text(json.dumps(made.facts, indent=1) + "\n")
        with path.with_suffix(".csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, made.table[0])
            writer.writeheader()
            writer.writerows(made.table)
        if made.arrays:
            np.savez_compressed(path.with_suffix(".npz"), **made.arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise FvitError(f"cannot write {path} ({error.strerror}); make room there, or choose another --results") from error


def caption(figure: Panel | Curves, asked: Asked, noise: float, table: list[dict]) -> str:
    """What a reader has to know of the figure with real `noise` (of 255), our choices named as ours."""
    made = presets.preset(asked.preset)
    curves = isinstance(figure, Curves)
    shown, choice = (_of_curves(figure, table[0]["n"]), "radii and sigmas") if curves else (_of_panel(figure, asked), "pictures and radii")
    return (
        f"Embedded world (digits on photographs, not the paper's data), task {figure.task}, {figure.backbone}. {shown} Preset {made.name}: real "
        f"noise {noise:.1f}/255, {made.draws} draws, maps fused by {made.fuse}. Attack: PGD l_inf, step rule {made.step}, random start, on "
        f"the undefended network. Seed {asked.seed}. Backbone, {choice} are our choice."
    )


def _of_panel(figure: Panel, asked: Asked) -> str:
    numbers = ", ".join(map(str, asked.pictures))
    explained, outlined = "the label given, which an attack may change", "the labelled object"
    if figure.task == "pairs":
        explained, outlined = "the class named", "in the picture the labelled object, on a map the explained one"
    return (
        f"n = {len(asked.pictures)} test pictures ({numbers}): examples, not a measurement. A map explains {explained}; 'says': the label "
        f"that the (defended) classifier gave, ✓ where right. Outlined: {outlined}. "
        f"Each map from its smallest cell to its largest; ≈: they differ by less than {FLAT:.0%}."
    )


def _of_curves(figure: Curves, n: int) -> str:
    return (
        f"n = {n} test pictures a point; bars: 95 % intervals over them. a, b: the undefended classifier's accuracy on the picture as attacked "
        f"while its pixels are blackened, so both fall with the radius whatever the map. c: under PGD {figure.eps}/255; S_Faith and V_8 "
        f"against the clean picture's map."
    )
