"""`fvit table`: measures what is missing, writes and prints a table."""

import argparse

import torch
from rich.console import Console

from bench import campaign, report
from bench.campaign import Options
from bench.timing import cores, fixed_threads
from bench.worlds import WorldOptions
from runtime import plugins
from runtime.errors import FvitError


def run(options: argparse.Namespace) -> int:
    """Measures what is missing, writes and prints the table; 1 if a cell failed."""
    console, wanted = Console(), measure_options(options)
    found = plugins.load("bench.tables", f"table{options.number}").TABLE
    if not options.from_rows:
        console.print(
            f"table {found.number}, world {wanted.world.name}: sessions {', '.join(wanted.sessions)} on {wanted.device}", highlight=False
        )
        with fixed_threads(cores()), torch.backends.cudnn.flags(benchmark=True, allow_tf32=False):  # TF32 would not be fp32
            found.measure(wanted, console, options.fresh)
    folder = campaign.folder(wanted)
    rendered = report.write(found, folder)
    report.show(rendered, console)
    console.print(f"written: {folder}/table{found.number}.md .csv .png, rows.jsonl, environment.json", highlight=False)
    failed = [cell for cell in rendered.cells if cell["word"] not in ("measured", "computed", "not defined")]
    for cell in failed[:3]:
        console.print(f"[red]no number:[/red] {cell['session']} {cell['denoise']} {cell['sigma']}/255: {cell['reason']}", highlight=False)
    return 1 if failed else 0


def measure_options(options: argparse.Namespace) -> Options:
    """The campaign's options, with the world's own defaults where nothing was said."""
    world = world_options(options)
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise FvitError(f"--device cuda came, but torch {torch.__version__} sees no GPU here; leave it out or see fvit doctor")
    slow = world.name == "paper" and device == "cpu"
    rules = options.rule or (("per-step",) if slow else ("cumulative", "per-step"))
    defaults = {"draws": 10, "rounds": 6, "chain_rounds": 2, "budget": 4.0}
    if slow:
        defaults = {"draws": 1, "rounds": 3, "chain_rounds": 1, "budget": 300.0}
    given = {name: getattr(options, name) for name in defaults if getattr(options, name) is not None}
    numbers = defaults | given
    if bad := [f"--{name.replace('_', '-')} {value}" for name, value in {**numbers, "images": options.images}.items() if value <= 0]:
        raise FvitError(f"{', '.join(bad)}: a number above 0 is wanted")
    if options.seed < 0:
        raise FvitError(f"--seed {options.seed}: 0 or more is wanted")
    return Options(
        world,
        options.session,
        options.precision,
        rules,
        options.denoise,
        seed=options.seed,
        device=device,
        results=options.results,
        **numbers,
    )


def world_options(options: argparse.Namespace) -> WorldOptions:
    return WorldOptions(
        options.world, options.backbone, options.weights, options.classes, options.denoiser_weights, options.head_channels,
        options.pictures, getattr(options, "images", 1),
    )  # fmt: skip
