"""The command line's arguments, and every name in them that can be judged without loading anything heavy."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from runtime.errors import FvitError
from runtime.plugins import known, names

EXAMPLES = """examples:
  fvit demo                                             one picture attacked, undefended and defended: half a minute
  fvit table 3                                          the embedded world: minutes on a laptop
  fvit table 3 --world paper --denoiser-weights 256x256_diffusion_uncond.pt --pictures imagenet/val
  fvit world                                            what the embedded world's networks and their defence can do
  fvit train vit --minutes 2                            goes on where the last one stopped
  fvit export --network backbone --backbone vit_b16     one ONNX file, checked for parity
  fvit doctor                                           what can run here, and why the rest cannot
"""
WORLDS = ("embedded", "paper")  # these lists stand here so that a wrong name is told before PyTorch is loaded; a test holds them true
RULES = ("cumulative", "cumulative-unet-range", "carlini", "per-step")
PRECISIONS = ("fp32", "fp16", "bf16")
DENOISERS = ("one_shot", "chain")
NETWORKS = ("backbone", "denoiser", "classify_draws")
TRAINED = ("denoiser", "vit", "deit", "swin")
TASKS = ("digits", "pairs", "crowd")


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


def _table(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", help="which table: " + ", ".join(name.removeprefix("table") for name in names("bench.tables")))
    _world(parser)
    known_sessions = ", ".join(names("runtime.sessions"))
    parser.add_argument("--session", default="eager,ort", metavar="A,B", help=f"sessions: {known_sessions} (default: eager,ort)")
    _precision(parser)
    parser.add_argument("--rule", metavar="A,B", help="rules for t* (default: cumulative,per-step; paper on a CPU: per-step)")
    parser.add_argument("--denoise", default="one_shot,chain", metavar="A,B", help="one_shot, chain (default: both)")
    parser.add_argument("--draws", type=int, help="draws a round (default: 10; paper on a CPU: 1)")
    parser.add_argument("--rounds", type=int, help="rounds of each one-shot cell (default: 6; paper on a CPU: 3)")
    parser.add_argument("--chain-rounds", type=int, help="rounds of each chain cell (default: 2; paper on a CPU: 1)")
    budget = "most seconds of one chain round; longer ones are computed, and marked (default: 4; paper on a CPU: 300)"
    parser.add_argument("--budget", type=float, help=budget)
    parser.add_argument("--images", type=int, default=1, help="pictures drawn together (default: 1)")
    parser.add_argument("--seed", type=int, default=0)
    _results(parser)


def _export(parser: argparse.ArgumentParser) -> None:
    _world(parser)
    parser.add_argument("--network", default="all", help="backbone, denoiser, classify_draws or all (default)")
    _precision(parser)
    parser.add_argument("--opset", type=int, help="default: 20 for a backbone, 21 with a UNet, 22 for bf16; 23 keeps Attention whole")
    parser.add_argument("--with-denoised", action="store_true", help="classify_draws hands out the denoised pictures as well")
    engine = "build a TensorRT engine too (needs an NVIDIA GPU and TensorRT 10.13 to 11)"
    parser.add_argument("--tensorrt", action="store_true", help=engine)


def _train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("networks", nargs="+", metavar="NETWORK", help=f"all, or some of {', '.join(TRAINED)}")
    parser.add_argument("--minutes", type=float, help="stop after so long, to go on another time (default: until all have ended)")
    parser.add_argument("--threads", type=int, help="cores to use (default: all)")
    parser.add_argument("--weights", type=Path, metavar="DIR", help="where finished weights and cards go (default: runtime/weights)")


def _everything(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=int, default=500, help="test pictures of each task (default: 500)")
    parser.add_argument("--sigma", type=float, help="the defence's real noise, of 255 (default: the one chosen on the validation split)")
    _results(parser)


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--task", default="digits", help=f"{', '.join(TASKS)} (default: digits)")
    parser.add_argument("--picture", type=int, default=0, metavar="INDEX", help="index in the task's test split (default: 0)")
    parser.add_argument("--output", type=Path, default=Path("demo.png"), metavar="FILE", help="the panel (default: demo.png)")


def _nothing(parser: argparse.ArgumentParser) -> None:
    pass


def _world(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", default="embedded", help="embedded (default) or paper")
    parser.add_argument("--backbone", metavar="NAME", help="vit_b16, deit_b16, deit_b16_distilled, swin_b, vit_embedded, ... or timm:NAME")
    checkpoint = "the backbone's checkpoint, .safetensors or .pt (default: what ships, or random numbers at the paper's size)"
    parser.add_argument("--weights", type=Path, metavar="FILE", help=checkpoint)
    parser.add_argument("--classes", type=Path, metavar="FILE", help="class names, one a line")
    parser.add_argument("--denoiser-weights", type=Path, metavar="FILE", help="a guided-diffusion checkpoint; random without it")
    parser.add_argument("--head-channels", type=int, default=64, help="channels an attention head of that checkpoint (default: 64)")
    picture = "a picture or a folder of them, ImageNet's too (default: the world's own)"
    parser.add_argument("--pictures", type=Path, metavar="PATH", help=picture)
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")


def _precision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--precision", default="fp32", metavar="A,B", help=f"{', '.join(PRECISIONS)} (default: fp32)")


def _results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    parser.add_argument("--from-rows", action="store_true", help="only make the table again from the rows on disk")
    parser.add_argument("--fresh", action="store_true", help="measure again what was measured at this commit")


def _check_table(options: argparse.Namespace) -> None:
    known(options.world, WORLDS, "world")
    known(f"table{options.number}", names("bench.tables"), "table")
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


def _check_nothing(options: argparse.Namespace) -> None:
    pass


def _positive(options: argparse.Namespace, name: str) -> None:
    value = getattr(options, name)
    if value is not None and not value > 0:
        raise FvitError(f"--{name} {value}: a number above 0 is wanted")


def _listed(text: str, choices: Iterable[str], kind: str) -> tuple[str, ...]:
    return tuple(known(name.strip(), choices, kind) for name in text.split(","))


COMMANDS = {
    "table": (_table, _check_table, "measure and print a table of the paper"),
    "world": (_everything, _check_everything, "measure the embedded world: accuracy, attacks, defence, denoiser"),
    "demo": (_demo, _check_demo, "one picture attacked, undefended and defended, as a panel"),
    "export": (_export, _check_export, "export networks to ONNX and check their parity"),
    "train": (_train, _check_train, "train the embedded world's networks; goes on where it stopped"),
    "doctor": (_nothing, _check_nothing, "what can run here, and why the rest cannot"),
}
