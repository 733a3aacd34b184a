"""What the commands do, once their arguments are understood and PyTorch is loaded."""

import argparse
from pathlib import Path

import torch
from rich.console import Console

from bench import campaign, report
from bench.campaign import Options
from bench.timing import cores, fixed_threads
from bench.worlds import DEFAULTS, WorldOptions
from export import networks, parity, to_onnx, to_tensorrt
from runtime import backbone, denoisers, plugins
from runtime.artifact import Artifact
from runtime.errors import FvitError, SessionUnavailable
from runtime.network import Network


def table(options: argparse.Namespace) -> int:
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


def export(options: argparse.Namespace) -> int:
    """Exports the networks asked for, checks each against eager fp32 and prints where it lies."""
    console, device = Console(), torch.device("cpu")
    eager, ort = plugins.load("runtime.sessions", "eager"), plugins.load("runtime.sessions", "ort")
    for precision in options.precision:
        for kind in options.network:
            made = network(options, kind, precision)
            console.print(f"exporting {made.name} in {precision}", highlight=False)
            artifact = to_onnx.export(made, options.opset)
            console.print(f"  {artifact.model}  ({artifact.size / 1e6:.1f} MB, opset {artifact.opset})", highlight=False, soft_wrap=True)
            try:
                session = ort.load(artifact, device)
            except SessionUnavailable as error:
                console.print(f"  parity: not checkable here: {error}", highlight=False)
            else:
                exact = made if precision == "fp32" else network(options, kind, "fp32")
                found = parity.check(exact, eager.load(exact, device), session, precision)
                console.print(f"  parity: {found.cases} comparisons, largest difference {found.largest:.2g}, cosine {found.cosine:.7f}")
            _tensorrt(artifact, options.tensorrt, console)
    return 0


def network(options: argparse.Namespace, kind: str, precision: str) -> Network:
    """The network `kind` of the world that `options` describe."""
    world = world_options(options)
    own_backbone, own_denoiser = DEFAULTS[world.name]
    if kind == "backbone":
        return networks.backbone(backbone.build(world.backbone or own_backbone, world.weights, world.classes), precision)
    if kind == "denoiser":
        return networks.denoiser_step(denoisers.build(own_denoiser, world.denoiser_weights, world.head_channels), precision)
    parts = network(options, "denoiser", precision), network(options, "backbone", precision)
    return networks.classify_draws(*parts, with_denoised=options.with_denoised)


def _tensorrt(artifact: Artifact, build: bool, console: Console) -> None:
    options = to_tensorrt.EngineOptions()
    if build:
        console.print(f"  engine: {to_tensorrt.build(artifact, options)}", highlight=False, soft_wrap=True)
    console.print(f"  trtexec: {to_tensorrt.trtexec_line(artifact, options)}", highlight=False, soft_wrap=True)


def cache_size(folder: Path) -> int:
    """Bytes of everything below `folder`."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
