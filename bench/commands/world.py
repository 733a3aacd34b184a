"""`fvit world`: what the embedded world's networks and their defence can do, measured and written to results/embedded-<machine>/."""

import argparse

from rich.console import Console
from rich.markdown import Markdown

from bench.records import machine
from bench.records import rows as records
from bench.records.clock import settled
from bench.records.rows import Rows
from bench.studies.world import measure, pictures
from bench.studies.world import page as text
from runtime.diffusion import networks as denoisers
from runtime.errors import FvitError


def run(options: argparse.Namespace) -> int:
    """Measures what is missing, writes the page and its pictures and prints it."""
    console = Console()
    rows = Rows(options.results / f"embedded-{machine.machine()}")
    if not options.from_rows:
        with settled():
            measure.measure(rows, options, console)
    found = records.latest(rows.read(), "world")
    page = text.render(found)
    try:
        (rows.folder / "world.md").write_text(page)
        text.plot(found, rows.folder / "world.png")
        pictures.samples(rows.folder / "samples.png")
        pictures.denoised(denoisers.build("unet_embedded"), rows.folder / "denoised.png")
    except OSError as error:
        raise FvitError(f"cannot write to {rows.folder} ({error.strerror}); its rows are kept; mend it, then use --from-rows") from error
    if console.is_terminal:
        console.print(Markdown(page))
    else:
        print(page)
    console.print(f"written: {rows.folder}/world.md .png, samples.png, denoised.png, rows.jsonl", highlight=False, soft_wrap=True)
    return 0
