"""`fvit explain`: relevance maps of pictures, undefended and behind DDS, as a panel, arrays and the top classes."""

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.records.clock import settled
from bench.studies.figures import explain as explaining
from bench.studies.figures import panel as panels
from runtime.errors import FvitError


def run(options: argparse.Namespace) -> int:
    """Explains, writes the panel and its arrays, prints the classes."""
    console = Console()
    with settled():
        seen = explaining.explain(_asked(options), console)
    arrays = options.output.with_suffix(".npz")
    try:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        panels.draw(seen, options.output)
        np.savez_compressed(arrays, **explaining.arrays(seen))  # type: ignore[arg-type]
    except (OSError, ValueError) as error:
        raise FvitError(f"cannot write {options.output} ({error}); give --output the name of a .png in a folder with room") from error
    for one in seen:
        console.print(_classes(one))
        console.print("  ".join(f"{name} {seconds:.2f} s" for name, seconds in one.seconds.items()), highlight=False)
    console.print(f"written: {options.output}, {arrays}", highlight=False, soft_wrap=True)
    return 0


def _asked(options: argparse.Namespace) -> explaining.Asked:
    networks = ("world", "backbone", "weights", "classes", "denoiser_weights", "head_channels")
    maps = ("task", "picture", "explainer", "sigma", "draws", "fuse", "session", "attack", "seed")
    facts = {name: getattr(options, name) for name in (*networks, *maps)}
    return explaining.Asked(**facts, files=tuple(map(Path, options.pictures)), explained=tuple(options.explained.split(",")))


def _classes(one: explaining.Seen) -> Table:
    """The five classes with the highest scores, and the votes behind DDS."""
    table = Table(title=f"{one.name}, {one.state}")
    for column in ("class", "undefended", "votes behind DDS"):
        table.add_column(column, justify="right" if column != "class" else "left")
    order = one.scores.argsort(descending=True)[:5].tolist()
    for number in dict.fromkeys([*order, int(one.votes.argmax())]):
        share = one.scores.softmax(0)[number]
        table.add_row(one.classes[number], f"{share:.1%}", f"{int(one.votes[number])} of {int(one.votes.sum())}")
    return table
