"""What all pages share: their heading, tables as Markdown, how numbers are written, and writing a page to its files."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markdown import Markdown

from bench.pages.compare import Number
from bench.records.rows import Head, Machine, Missing
from bench.records.stats import Interval
from runtime.errors import FvitError
from runtime.files import replaced

NONE = "–"


@dataclass(frozen=True)
class Page:
    """`markdown`: the whole page; `cells`: one record per number, for programs; `plots`: bytes by file name, most of them PNG.

    `summary`: for a terminal; `files`: file name -> other text. `numbers`: what two folders are compared by, with the name of its place;
    `says`: the page's answers, one sentence each.
    """

    markdown: str
    cells: list[dict]
    plots: dict[str, bytes] = field(default_factory=dict)
    summary: str = ""
    files: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, Number] = field(default_factory=dict)
    says: tuple[str, ...] = ()


def heading(title: str, head: Head, machines: Sequence[Machine], *lines: str) -> str:
    """The title, what was measured on, what with and from which weights, and `lines`; each starts with a dash."""
    weights = "; ".join(f"{name} {value}" for name, value in head.weights.items())
    plugins = ", ".join(f"{name} ({origin})" for name, origin in head.plugins.items())
    told = [
        *(machine(row) for row in machines),
        *([f"commit {head.commit}, " + versions(machines[0])] if machines else [f"commit {head.commit}"]),
        *([f"weights: {weights}"] if weights else []),
        *([f"plugins from outside the package: {plugins}"] if plugins else []),
        *filter(None, lines),
        *head.notes,
    ]
    return f"# {title}\n\n" + "".join(f"- {line}\n" for line in told)


def machine(row: Machine) -> str:
    facts = row.environment
    gpu = f", {facts['gpu']['name']}" if facts.get("gpu") else ""
    return (
        f"machine: {facts['cpu']}, {facts['cores']} cores, {facts['threads']} threads, {facts['memory_gib']} GiB{gpu}; load at start "
        f"{facts['load_at_start']}"
    )


def versions(row: Machine) -> str:
    return f"Python {row.environment['python']}, " + ", ".join(f"{name} {version}" for name, version in row.environment["versions"].items())


def table(names: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A header and its lines as Markdown; a bar inside of a cell would end it."""
    rows = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    rows += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join(rows) + "\n"


def section(title: str, *parts: str) -> str:
    """A second-level heading and its text; an empty string where there is no text."""
    body = "\n".join(filter(None, parts))
    return f"## {title}\n\n{body}" if body else ""


def number(value: float) -> str:
    """Three significant digits without an exponent."""
    return f"{value:.3g}" if 0.001 <= abs(value) < 1000 else f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4f}"


def share(interval: Interval) -> str:
    """As in 0.935 [0.89, 0.96]; a score of 10 or more has one decimal."""
    if interval.value >= 10:
        return f"{interval.value:.1f} [{interval.low:.1f}, {interval.high:.1f}]"
    return f"{interval.value:.3f} [{interval.low:.2f}, {interval.high:.2f}]"


def percent(interval: Interval) -> str:
    """As in 93.5% [89.0%, 96.2%]."""
    return f"{interval.value:.1%} [{interval.low:.1%}, {interval.high:.1%}]"


def ratio(interval: Interval) -> str:
    """As in 0.293 [0.281, 0.305]."""
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def missing(reason: Missing) -> str:
    """In place of a number."""
    return f"{NONE} ({reason.why})"


def publish(folder: Path, name: str, page: Page, console: Console) -> None:
    """Writes <name>.md, <name>.csv, the plots and the other files into `folder`; prints the page and where it lies."""
    files: dict[str, Callable[[Path], object]] = {f"{name}.md": lambda path: path.write_text(page.markdown)}
    files[f"{name}.csv"] = lambda path: pd.DataFrame(page.cells).to_csv(path, index=False)
    files |= {file: lambda path, text=text: path.write_text(text) for file, text in page.files.items()}
    files |= {plot: lambda path, drawn=drawn: path.write_bytes(drawn) for plot, drawn in page.plots.items()}
    try:
        for file, write in files.items():
            with replaced(folder / file) as beside:
                write(beside)
    except OSError as error:
        raise FvitError(
            f"cannot write to {folder} ({error.strerror}); its rows are kept; make room, then make the page from the rows"
        ) from error
    if console.quiet:
        return
    if console.is_terminal:
        console.print(Markdown(page.summary or page.markdown))
    else:
        print(page.markdown)
    console.print(f"written: {folder}: {', '.join(files)}", highlight=False, soft_wrap=True)
