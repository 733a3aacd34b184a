"""What the commands do, once their arguments are understood and PyTorch is loaded."""

import argparse
from pathlib import Path

import torch
from rich.console import Console

from bench import campaign, report
from bench.campaign import Options
from bench.timing import cores, fixed_threads
from bench.worlds import DEFAULTS, WorldOptions
from export import networks, parity, to_onnx
from runtime import backbone, denoisers, plugins
from runtime.artifact import Artifact
from runtime.errors import FvitError
from runtime.network import DTYPES, Network
from runtime.plugins import known
from runtime.schedule import RULES

KINDS = ("backbone", "denoiser", "classify_draws")


def table(options: argparse.Namespace) -> int:
    """Measures what is missing, writes and prints the table; 1 if a cell failed."""
    console, wanted = Console(), measure_options(options)
    found = plugins.load("bench.tables", f"table{options.number}").TABLE
    if not options.from_rows:
        console.print(
            f"table {found.number}, world {wanted.world.name}: sessions {', '.join(wanted.sessions)} on {wanted.device}", highlight=False
        )
        with fixed_threads(cores()):
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
    slow = world.name == "paper" and device == "cpu"
    sessions = _listed(options.session or "eager,ort", plugins.names("runtime.sessions"), "session")
    precisions = _listed(options.precision, DTYPES, "precision")
    rules = _listed(options.rule or ("per-step" if slow else "cumulative,per-step"), RULES, "rule")
    numbers = {
        "draws": options.draws or (1 if slow else 10),
        "rounds": options.rounds or (3 if slow else 6),
        "chain_rounds": options.chain_rounds or (1 if slow else 2),
        "budget": options.budget or (300.0 if slow else 4.0),
    }
    if bad := [f"--{name.replace('_', '-')} {value}" for name, value in numbers.items() if value <= 0]:
        raise FvitError(f"{', '.join(bad)}: a number above 0 is wanted")
    return Options(world, sessions, precisions, rules, seed=options.seed, device=device, results=options.results, **numbers)


def world_options(options: argparse.Namespace) -> WorldOptions:
    known(options.world, DEFAULTS, "world")
    return WorldOptions(
        options.world, options.backbone, options.weights, options.classes, options.denoiser_weights, options.head_channels,
        options.pictures, getattr(options, "images", 1),
    )  # fmt: skip


def export(options: argparse.Namespace) -> int:
    """Exports the networks asked for, checks each against eager fp32 and prints where it lies."""
    console, device = Console(), torch.device("cpu")
    kinds = KINDS if options.network == "all" else _listed(options.network, KINDS, "network")
    eager, ort = plugins.load("runtime.sessions", "eager"), plugins.load("runtime.sessions", "ort")
    for precision in _listed(options.precision, DTYPES, "precision"):
        for kind in kinds:
            made = network(options, kind, precision)
            console.print(f"exporting {made.name} in {precision}", highlight=False)
            artifact = to_onnx.export(made, options.opset)
            console.print(f"  {artifact.model}  ({artifact.size / 1e6:.1f} MB, opset {artifact.opset})", highlight=False, soft_wrap=True)
            try:
                session = ort.load(artifact, device)
            except FvitError as error:
                console.print(f"  parity: not checkable here: {error}", highlight=False)
            else:
                reference = eager.load(network(options, kind, "fp32"), device)
                found = parity.check(network(options, kind, "fp32"), reference, session, precision)
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
    from export import to_tensorrt

    options = to_tensorrt.EngineOptions()
    if build:
        console.print(f"  engine: {to_tensorrt.build(artifact, options)}", highlight=False)
    console.print(f"  trtexec: {to_tensorrt.trtexec_line(artifact, options)}", highlight=False, soft_wrap=True)


def _listed(text: str, choices, kind: str) -> tuple[str, ...]:
    return tuple(known(name.strip(), choices, kind) for name in text.split(","))


def cache_size(folder: Path) -> int:
    """Bytes of everything below `folder`."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
