"""`fvit report`: everything in a results folder as one HTML file that needs no network."""

import argparse
from pathlib import Path

from rich.console import Console

from bench.commands import _summary as summary
from bench.commands.frontier import latest
from bench.options import GRIDS
from bench.pages import html
from bench.records import machine
from bench.records.rows import Rows
from bench.studies.figures.catalogue import FIGURES
from bench.studies.frontier import page as frontier_page
from runtime import plugins
from runtime.errors import FvitError

READING = """
- A cell is `ours [95 % interval]`, with the paper's value and the difference where it is known. Shares: 1 is all.
- The embedded world is not ImageNet: digits on photographs, 64 px, small networks. It shows whether the method's claims can hold, and how its
  parts behave; the paper's own numbers need its data and weights.
- A transfer attack does not see the defence and is the weakest test of it. Judge by the rows that attack through DDS.
- Every table names commit, machine, weights, preset and n. `left out`, `not measured` and `not defined` say why there is no number.
"""


def run(options: argparse.Namespace) -> int:
    """Writes report.html into the folder and says where."""
    folder = options.folder or options.results / f"embedded-{machine.machine()}"
    if not folder.is_dir():
        raise FvitError(f"{folder} is no folder; measure first (fvit table all), or name one: fvit report results/...")
    tables = _tables(folder)
    sections = [("How to read it", READING, [])]
    for number in range(1, 11):
        if (text := folder / f"table{number}.md").is_file():
            sections.append((f"Table {number}", _body(text), [folder / f"table{number}.png"]))
    for name, stem, pictures in EXTRA:
        if (text := folder / f"{stem}.md").is_file():
            sections.append((name, _body(text), [folder / picture for picture in pictures]))
    if len(sections) == 1:
        raise FvitError(f"{folder} holds no table yet; measure first: fvit table all")
    path = folder / "report.html"
    try:
        path.write_text(html.page(f"fvit-bench: {folder.name}", [*summary.sentences(tables), *_costs(folder)], sections))
    except OSError as error:
        raise FvitError(f"cannot write {path} ({error.strerror}); choose another --results") from error
    Console().print(f"written: {path} ({path.stat().st_size / 1e6:.1f} MB)", highlight=False, soft_wrap=True)
    return 0


EXTRA = (
    *((f"Figure {number}", f"figures/figure{number}", [f"figures/figure{number}.png"]) for number in FIGURES),
    ("Certificates", "certify", ["certified_accuracy.png", "certify_cells.png"]),
    ("Certificates, adaptive draws", "certify_adaptive", ["certified_accuracy_adaptive.png"]),
    ("The embedded world", "world", ["world.png"]),
    ("Roofline", "roofline", []),
    ("Frontier", "frontier", ["frontier.png"]),
    ("Deployment latency", "latency", []),
)


def _tables(folder: Path) -> dict[int, list[dict]]:
    """Cells of the tables of looks in `folder`; none where none was measured."""
    rows = Rows(folder).read()
    if not any(row["kind"] == "look" for row in rows):
        return {}
    tables = {int(number): plugins.load("bench.tables", f"table{number}").TABLE for number in GRIDS}
    return {number: table.render(table.latest(rows)).cells for number, table in tables.items()}


def _costs(folder: Path) -> list[str]:
    """What the frontier answers, where one was measured."""
    if not (folder / "frontier.md").is_file():
        return []
    rows = latest(Rows(folder))
    return frontier_page.sentences(frontier_page.cells(rows), rows)


def _body(path: Path) -> str:
    """A page whose title is one level down, below the section's name."""
    lines = path.read_text().splitlines()
    return "\n".join(["## " + lines[0].lstrip("# "), *lines[1:]])
