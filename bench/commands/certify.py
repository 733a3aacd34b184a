"""`fvit certify`: certified labels and top-k maps of the embedded world's pictures, through the exported denoiser."""

import argparse
from dataclasses import replace

from rich.console import Console
from rich.markdown import Markdown

from bench.records import machine
from bench.records import rows as records
from bench.records.clock import settled
from bench.records.rows import Rows
from bench.studies.certify import page as certified
from bench.studies.certify.measure import Certifier, Settings, table
from runtime.errors import FvitError

MOST = 2000  # draws of --adaptive


def run(options: argparse.Namespace) -> int:
    """Certifies what is missing, writes page, curve and TSV files, prints the page."""
    console = Console()
    rows = Rows(options.results / f"embedded-{machine.machine()}")
    if options.from_rows:
        found = records.latest(rows.read(), table(options.radius if options.adaptive else None))
    else:
        with settled():
            found = Certifier(rows, _settings(options), console, options.fresh).all()
    try:
        certified.write(found, rows.folder)
    except OSError as error:
        raise FvitError(f"cannot write to {rows.folder} ({error.strerror}); its rows are kept; mend it, then use --from-rows") from error
    page = certified.render(found)
    if console.is_terminal:
        console.print(Markdown(page))
    else:
        print(page)
    console.print(
        f"written: {rows.folder}: certify*.md .tsv, certified_accuracy*.png, certify_cells.png, rows.jsonl", highlight=False, soft_wrap=True
    )
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    names = ("backbone", "task", "sigma", "alpha", "k", "beta", "explainer", "session", "selection", "draws", "seed")
    made = Settings(images=options.n, **{name: getattr(options, name) for name in names if getattr(options, name) is not None})
    return replace(made, radius=options.radius, draws=options.draws or MOST) if options.adaptive else made
