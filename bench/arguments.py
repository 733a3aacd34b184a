"""The command line's arguments, and every name in them that can be judged without loading anything heavy."""

import argparse
import functools
from pathlib import Path

from bench import costs
from bench import options as offered
from bench.options import (
    DATA,
    DENOISERS,
    EMBEDDED,
    FUSES,
    GRIDS,
    NETWORKS,
    OF_LOOKS,
    OF_PAPER,
    OF_SECONDS,
    PRECISIONS,
    PRESETS,
    RULES,
    TASKS,
    TIMED,
    TRAINED,
    WORLDS,
)
from bench.studies.figures.catalogue import FIGURES
from bench.words import listed, natural, numbers, positive
from runtime.errors import FvitError
from runtime.plugins import known, names

EXAMPLES = """examples:
  fvit demo                                             one picture attacked, undefended and defended
  fvit table 3                                          the embedded world: minutes on a laptop
  fvit table all --quick                                all ten, 8 pictures a cell
  fvit report && fvit compare results/A results/B       one HTML file; what changed beyond the intervals
  fvit table 3 --world paper --denoiser-weights 256x256_diffusion_uncond.pt --pictures imagenet/val
  fvit world                                            what the embedded world's networks and their defence can do
  fvit explain --task pairs --picture 3 --explainer vta,rollout --class top1,top2 --attack pgd
  fvit explain photo.jpg --world paper --weights vit_b16.safetensors --denoiser-weights 256x256_diffusion_uncond.pt
  fvit figures 1 --picture 2,7                          the paper's figures: maps of every method, clean and under PGD
  fvit certify --n 100 --draws 1000                     certified labels and maps; --adaptive draws until it is certain
  fvit train vit --minutes 2                            goes on where the last one stopped
  fvit export --network backbone --backbone vit_b16     one ONNX file, checked for parity
  fvit roofline --work vit_b16 --session openvino       pairs against eager fp32, and the share of this machine's ceiling
  fvit frontier && fvit plan --latency 50ms             accuracy against cost; the best setting within a budget
  fvit latency --scenario server --draws 10 --session openvino --precision bf16
  fvit doctor                                           what can run here, and why the rest cannot
"""


NAMES = {"gtsegs": "imagenet_seg"}  # option -> data set, where they differ


def parse(words: list[str] | None) -> argparse.Namespace:
    """The options of one command, comma-separated names as tuples; argparse's own errors exit with 2, ours are FvitErrors."""
    shown = {"epilog": EXAMPLES, "formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = argparse.ArgumentParser("fvit", description="Faithful ViTs, exported, checked and timed.", **shown)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parsers = {name: commands.add_parser(name, help=told, description=told, **shown) for name, (_, _, told) in COMMANDS.items()}
    for name, (declare, _, _) in COMMANDS.items():
        declare(parsers[name])
    options = parser.parse_args(words)
    options.given = [name for name, value in vars(options).items() if value != parsers[options.command].get_default(name)]
    COMMANDS[options.command][1](options)
    return options


def _check_table(options: argparse.Namespace) -> None:
    known(options.world, WORLDS, "world")
    if options.number != "all":
        known(f"table{options.number}", names("bench.tables"), "table")
    known(options.preset, PRESETS, "preset")
    positive(options, "n")
    natural(options, "seed")
    _no_use(options)
    options.shard = _shard(options.shard)
    if options.shard and options.number == TIMED:
        raise FvitError(
            f"--shard is for tables of looks ({', '.join(GRIDS)}): Table {TIMED} times draws, which nobody shares; leave it out"
        )
    _own_files(options)
    options.precision = listed(options.precision, PRECISIONS, "precision")
    options.session = listed(options.session, names("runtime.sessions"), "session")
    options.rule = listed(options.rule, RULES, "rule") if options.rule else None
    options.denoise = listed(options.denoise, DENOISERS, "denoiser")
    if "one_shot" not in options.denoise:
        raise FvitError("--denoise chain came alone; say one_shot,chain: chains beyond the budget are computed from the measured call")


def _no_use(options: argparse.Namespace) -> None:
    """Refuses an option that this table would not read."""
    if options.number == "all":
        return
    refused = dict.fromkeys(OF_LOOKS, f"tables of looks ({', '.join(GRIDS)})")
    if options.number != TIMED:
        refused = dict.fromkeys(OF_SECONDS, f"table {TIMED}")
        refused |= dict.fromkeys(OF_PAPER, "--world paper") if options.world == "embedded" else {}
    for name in options.given:
        if name in refused:
            raise FvitError(
                f"--{name.replace('_', '-')} belongs to {refused[name]}; table {options.number} would not read it: leave it out"
            )


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, every = text.partition("/")
    if not (first.isdigit() and every.isdigit() and 1 <= int(first) <= int(every)):
        raise FvitError(f"--shard {text}: I/K is wanted, the I-th of K, as in 2/16")
    return int(first), int(every)


def _own_files(options: argparse.Namespace) -> None:
    """`checkpoint`: file by backbone; `data`: by data set, what makes its loader's options of a picture's side."""
    given = [name for name in DATA if getattr(options, name)]
    strays = [name for name in ("checkpoint", "masks", "labels", "synsets", "ids") if getattr(options, name)] + given
    if strays and (options.world == "embedded" or options.number == TIMED):
        raise FvitError(f"--{strays[0]} belongs to tables of accuracy and maps with --world paper; add it, or leave --{strays[0]} out")
    pairs = dict(_pair(text) for text in options.checkpoint)
    own = {options.backbone or "vit_b16": options.weights} if options.weights else {}
    options.checkpoint = own | pairs
    options.data = {NAMES.get(name, name): functools.partial(_loader_options, options, name) for name in given}
    if options.ids and len(given) != 1:
        raise FvitError(f"--ids names pictures of one data set, {len(given)} came ({', '.join(given) or 'none'}); give one at a time")
    if options.labels and not (options.imagenet or options.folder):
        raise FvitError("--labels has no use without --imagenet or --folder; the other data sets' files say that themselves")


def _loader_options(options: argparse.Namespace, name: str, side: int):
    from bench.worlds.data._loader import Options

    labels = options.labels if name == ("imagenet" if options.imagenet else "folder") else None
    masks = options.masks if name == "folder" else None
    synsets = options.synsets if name == "imagenet" else None
    return Options(getattr(options, name), side, options.ids, masks, labels, synsets)


def _pair(text: str) -> tuple[str, Path]:
    name, _, file = text.partition("=")
    if not name or not file:
        raise FvitError(f"--checkpoint {text}: NAME=FILE is wanted, as in deit_b16=deit.safetensors")
    return name, Path(file)


def _check_export(options: argparse.Namespace) -> None:
    known(options.world, WORLDS, "world")
    options.precision = listed(options.precision, PRECISIONS, "precision")
    if options.opset and "int8" in options.precision:
        raise FvitError("--opset is not for int8, whose file is made from the fp32 one; export int8 in a command of its own")
    options.keep = None if options.keep is None else tuple(name for name in options.keep.split(",") if name != "none")
    options.network = NETWORKS if options.network == "all" else listed(options.network, NETWORKS, "network")


def _check_train(options: argparse.Namespace) -> None:
    asked = tuple(known(name, ("all", *TRAINED), "network") for name in options.networks)
    options.networks = TRAINED if "all" in asked else asked
    for name in ("minutes", "threads"):
        positive(options, name)


def _check_everything(options: argparse.Namespace) -> None:
    for name in ("images", "sigma"):
        positive(options, name)


def _check_demo(options: argparse.Namespace) -> None:
    known(options.task, TASKS, "task")


def _check_explain(options: argparse.Namespace) -> None:
    known(options.world, WORLDS, "world")
    known(options.task, TASKS, "task")
    options.fuse = listed(options.fuse, FUSES, "fuse")
    known(options.session, names("runtime.sessions"), "session")
    options.explainer = tuple(spec.strip() for spec in options.explainer.split(","))
    for spec in options.explainer:
        known(spec.split(":")[0], names("runtime.explainers"), "explainer")
    options.picture = numbers(options.picture)
    natural(options, "seed")
    for name in ("sigma", "draws"):
        positive(options, name)


def _check_figures(options: argparse.Namespace) -> None:
    known(options.number, (*FIGURES, "all"), "figure")
    known(options.preset, PRESETS, "preset")
    options.picture = numbers(options.picture)
    natural(options, "seed")
    positive(options, "n")


def _check_certify(options: argparse.Namespace) -> None:
    known(options.task, TASKS, "task")
    known(options.backbone, EMBEDDED, "backbone")
    known(options.session, names("runtime.sessions"), "session")
    known(options.explainer.split(":")[0], names("runtime.explainers"), "explainer")
    natural(options, "seed")
    for name in ("n", "sigma", "selection", "radius", "k"):
        positive(options, name)
    for name in ("alpha", "beta"):
        if not 0 < getattr(options, name) < 1:
            raise FvitError(f"--{name} {getattr(options, name)}: a number between 0 and 1 is wanted")
    if options.draws is not None and options.draws < 2:
        raise FvitError(f"--draws {options.draws}: a certificate needs 2 or more")


def _check_nothing(options: argparse.Namespace) -> None:
    pass


COMMANDS = {
    "table": (offered.table, _check_table, "measure and print a table of the paper"),
    "world": (offered.everything, _check_everything, "measure the embedded world: accuracy, attacks, defence, denoiser"),
    "demo": (offered.demo, _check_demo, "one picture attacked, undefended and defended, as a panel"),
    "explain": (offered.explain, _check_explain, "relevance maps of pictures, undefended and behind DDS, as a panel"),
    "figures": (offered.figures, _check_figures, "the paper's figures on the embedded world"),
    "certify": (offered.certify, _check_certify, "certified labels and top-k maps of the embedded world's pictures"),
    "report": (offered.report, _check_nothing, "one HTML file of a results folder: summary, tables, curves, certificates"),
    "compare": (offered.compare, _check_nothing, "two results folders, cell by cell: better, worse or within the intervals"),
    "merge": (offered.merge, _check_nothing, "join the shards of tables, measured apart, to one run"),
    "export": (offered.export, _check_export, "export networks to ONNX and check their parity"),
    "train": (offered.train, _check_train, "train the embedded world's networks; goes on where it stopped"),
    "doctor": (offered.nothing, _check_nothing, "what can run here, and why the rest cannot"),
} | costs.COMMANDS
