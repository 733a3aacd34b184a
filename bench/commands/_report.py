"""What `fvit report` does: every page of a results folder, made again from its rows, as one HTML file that needs no network."""

import re
from pathlib import Path

from rich.console import Console

from bench.commands._pages import MeasuredPage, pages
from bench.pages import html
from bench.pages.html import Section
from bench.records import machine
from bench.records.store import Store
from bench.studies.figures.catalogue import FIGURES
from runtime.errors import FvitError
from runtime.files import replaced

NAME = "report.html"
READING = """
- A cell is `ours [95 % interval]`, with the paper's value and the difference where it is known. Shares: 1 is all.
- The embedded world is not ImageNet: digits on photographs, 64 px, small networks. It shows whether the method's claims can hold, and how its
  parts behave; the paper's own numbers need its data and weights.
- A transfer attack does not see the defence and is the weakest test of it. Judge by the rows that attack through DDS.
- Every page names commit, machine, weights, preset and n. A cell without a number says why.
"""


def run(folder: Path | None, results: Path) -> int:
    """Writes report.html into the folder and says where."""
    console = Console()
    folder = folder or results / f"embedded-{machine.folder_name()}"
    if not folder.is_dir():
        raise FvitError(f"{folder} is no folder; measure first (fvit table all), or name one: fvit report results/...")
    shown = pages(Store(folder, lambda line: console.print(line, highlight=False)))
    sections = [*(_section(one, folder) for one in shown), *_figures(folder)]
    if not sections:
        raise FvitError(f"{folder} holds no rows of any page; measure first: fvit table all")
    said = [sentence for one in shown for sentence in one.page.says]
    path = folder / NAME
    try:
        with replaced(path) as draft:
            draft.write_text(html.page(f"fvit-bench: {folder.name}", said, [Section("How to read it", READING), *sections]))
    except OSError as error:
        raise FvitError(f"cannot write {path} ({error.strerror}); make room, or name another folder") from error
    console.print(f"written: {path} ({path.stat().st_size / 1e6:.1f} MB)", highlight=False, soft_wrap=True)
    return 0


def _section(shown: MeasuredPage, folder: Path) -> Section:
    """With its plots, and with the pictures that the page names and the command has left in the folder."""
    pictures = {name: content for name, content in shown.page.plots.items() if name.endswith(".png")}
    named = {name: folder / name for name in re.findall(r"\]\(([\w.-]+\.png)\)", shown.page.markdown)}
    pictures |= {name: path.read_bytes() for name, path in named.items() if path.is_file()}
    return Section(shown.name, shown.page.markdown, pictures)


def _figures(folder: Path) -> list[Section]:
    """Panels are drawn from networks, not from rows, so they are shown as `fvit figures` left them."""
    found = {number: folder / "figures" / f"figure{number}" for number in FIGURES}
    return [
        Section(f"Figure {number}", text.read_text(), {picture.name: picture.read_bytes()})
        for number, path in found.items()
        if (text := path.with_suffix(".md")).is_file() and (picture := path.with_suffix(".png")).is_file()
    ]
