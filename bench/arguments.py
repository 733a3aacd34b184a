"""The command line's arguments, and every name in them that can be judged without loading anything heavy."""

import argparse
from collections.abc import Iterable

from bench import options as offered
from bench.options import DENOISERS, EMBEDDED, FUSES, NETWORKS, PRECISIONS, PRESETS, RULES, TASKS, TIMED, TRAINED, WORLDS
from runtime.errors import FvitError
from runtime.plugins import known, names

EXAMPLES = """examples:
  fvit demo                                             one picture attacked, undefended and defended: half a minute
  fvit table 3                                          the embedded world: minutes on a laptop
  fvit table all --quick                                all ten, 8 pictures a cell
  fvit report && fvit compare results/A results/B       one HTML file; what changed beyond the intervals
  fvit table 3 --world paper --denoiser-weights 256x256_diffusion_uncond.pt --pictures imagenet/val
  fvit world                                            what the embedded world's networks and their defence can do
  fvit explain --task pairs --picture 3 --explainer vta,rollout --class top1,top2 --attack pgd
  fvit explain photo.jpg --world paper --weights vit_b16.safetensors --denoiser-weights 256x256_diffusion_uncond.pt
  fvit certify --n 100 --draws 1000                     certified labels and maps; --adaptive draws until it is certain
  fvit train vit --minutes 2                            goes on where the last one stopped
  fvit export --network backbone --backbone vit_b16     one ONNX file, checked for parity
  fvit doctor                                           what can run here, and why the rest cannot
"""


def parse(words: list[str] | None) -> argparse.Namespace:
    """The options of one command, comma-separated names as tuples; argparse's own errors exit with 2, ours are FvitErrors."""
    shown = {"epilog": EXAMPLES, "formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = argparse.ArgumentParser("fvit", description="Faithful ViTs, exported, checked and timed.", **shown)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (declare, _, told) in COMMANDS.items():
        declare(commands.add_parser(name, help=told, description=told, **shown))
    options = parser.parse_args(words)
    COMMANDS[options.command][1](options)
    return options


def _check_table(options: argparse.Namespace) -> None:
    known(options.world, WORLDS, "world")
    if options.number != "all":
        known(f"table{options.number}", names("bench.tables"), "table")
    known(options.preset, PRESETS, "preset")
    _positive(options, "n")
    if options.world != "embedded" and options.number != TIMED:
        raise FvitError(f"table {options.number} --world {options.world}: only Table 3 is measured there yet; leave --world out")
    options.precision = _listed(options.precision, PRECISIONS, "precision")
    options.session = _listed(options.session, names("runtime.sessions"), "session")
    options.rule = _listed(options.rule, RULES, "rule") if options.rule else None
    options.denoise = _listed(options.denoise, DENOISERS, "denoiser")
    if "one_shot" not in options.denoise:
        raise FvitError("--denoise chain came alone; say one_shot,chain: chains beyond the budget are computed from the measured call")


def _check_export(options: argparse.Namespace) -> None:
    known(options.world, WORLDS, "world")
    options.precision = _listed(options.precision, PRECISIONS, "precision")
    options.network = NETWORKS if options.network == "all" else _listed(options.network, NETWORKS, "network")


def _check_train(options: argparse.Namespace) -> None:
    asked = tuple(known(name, ("all", *TRAINED), "network") for name in options.networks)
    options.networks = TRAINED if "all" in asked else asked
    for name in ("minutes", "threads"):
        _positive(options, name)


def _check_everything(options: argparse.Namespace) -> None:
    for name in ("images", "sigma"):
        _positive(options, name)


def _check_demo(options: argparse.Namespace) -> None:
    known(options.task, TASKS, "task")


def _check_explain(options: argparse.Namespace) -> None:
    known(options.world, WORLDS, "world")
    known(options.task, TASKS, "task")
    options.fuse = _listed(options.fuse, FUSES, "fuse")
    known(options.session, names("runtime.sessions"), "session")
    options.explainer = tuple(spec.strip() for spec in options.explainer.split(","))
    for spec in options.explainer:
        known(spec.split(":")[0], names("runtime.explainers"), "explainer")
    try:
        options.picture = tuple(int(word) for word in options.picture.split(","))
    except ValueError:
        raise FvitError(f"--picture {options.picture}: whole numbers with commas are wanted") from None
    for name in ("sigma", "draws"):
        _positive(options, name)


def _check_certify(options: argparse.Namespace) -> None:
    known(options.task, TASKS, "task")
    known(options.backbone, EMBEDDED, "backbone")
    known(options.session, names("runtime.sessions"), "session")
    known(options.explainer.split(":")[0], names("runtime.explainers"), "explainer")
    for name in ("n", "sigma", "selection", "radius", "k"):
        _positive(options, name)
    for name in ("alpha", "beta"):
        if not 0 < getattr(options, name) < 1:
            raise FvitError(f"--{name} {getattr(options, name)}: a number between 0 and 1 is wanted")
    if options.draws is not None and options.draws < 2:
        raise FvitError(f"--draws {options.draws}: a certificate needs 2 or more")


def _check_nothing(options: argparse.Namespace) -> None:
    pass


def _positive(options: argparse.Namespace, name: str) -> None:
    value = getattr(options, name)
    if value is not None and not value > 0:
        raise FvitError(f"--{name} {value}: a number above 0 is wanted")


def _listed(text: str, choices: Iterable[str], kind: str) -> tuple[str, ...]:
    return tuple(known(name.strip(), choices, kind) for name in text.split(","))


COMMANDS = {
    "table": (offered.table, _check_table, "measure and print a table of the paper"),
    "world": (offered.everything, _check_everything, "measure the embedded world: accuracy, attacks, defence, denoiser"),
    "demo": (offered.demo, _check_demo, "one picture attacked, undefended and defended, as a panel"),
    "explain": (offered.explain, _check_explain, "relevance maps of pictures, undefended and behind DDS, as a panel"),
    "certify": (offered.certify, _check_certify, "certified labels and top-k maps of the embedded world's pictures"),
    "report": (offered.report, _check_nothing, "one HTML file of a results folder: summary, tables, curves, certificates"),
    "compare": (offered.compare, _check_nothing, "two results folders, cell by cell: better, worse or within the intervals"),
    "export": (offered.export, _check_export, "export networks to ONNX and check their parity"),
    "train": (offered.train, _check_train, "train the embedded world's networks; goes on where it stopped"),
    "doctor": (offered.nothing, _check_nothing, "what can run here, and why the rest cannot"),
}
