"""`fvit`: the one command line. Nothing heavy is imported before the arguments are understood."""

import argparse
import os
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

from runtime.errors import FvitError
from runtime.plugins import known, names

EXAMPLES = """examples:
  fvit table 3                                          the embedded world: minutes on a laptop
  fvit table 3 --world paper --denoiser-weights 256x256_diffusion_uncond.pt --pictures imagenet/val
  fvit export --network backbone --backbone vit_b16     one ONNX file, checked for parity
  fvit doctor                                           what can run here, and why the rest cannot
"""
WORLDS = ("embedded", "paper")  # these five lists stand here so that a wrong name is told before PyTorch is loaded; a test holds them true
RULES = ("cumulative", "cumulative-unet-range", "carlini", "per-step")
PRECISIONS = ("fp32", "fp16", "bf16")
DENOISERS = ("one_shot", "chain")
NETWORKS = ("backbone", "denoiser", "classify_draws")
RAW = argparse.RawDescriptionHelpFormatter


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code (0 done, 1 a cell failed, 2 an error in the input, 130 Ctrl-C)."""
    try:
        options = _parse(arguments)
        _check_names(options)
        warnings.showwarning = _one_line
        return _command(options)
    except FvitError as error:
        print(f"fvit: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nfvit: stopped; finished rounds are kept and the same command goes on from there", file=sys.stderr)
        return 130


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "fvit", description="Faithful ViTs, exported, checked and timed.", epilog=EXAMPLES, formatter_class=RAW
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    table = commands.add_parser("table", help="measure and print a table of the paper", epilog=EXAMPLES, formatter_class=RAW)
    table.add_argument("number", help="which table: " + ", ".join(name.removeprefix("table") for name in names("bench.tables")))
    _world(table)
    table.add_argument(
        "--session", metavar="A,B", help="sessions to measure: " + ", ".join(names("runtime.sessions")) + " (default: eager,ort)"
    )
    table.add_argument("--precision", default="fp32", metavar="A,B", help="fp32, fp16, bf16 (default: fp32)")
    table.add_argument("--rule", metavar="A,B", help="rules for t* (default: cumulative,per-step; paper on a CPU: per-step)")
    table.add_argument("--denoise", default="one_shot,chain", metavar="A,B", help="one_shot, chain (default: both)")
    table.add_argument("--draws", type=int, help="draws a round (default: 10; paper on a CPU: 1)")
    table.add_argument("--rounds", type=int, help="rounds of each one-shot cell (default: 6; paper on a CPU: 3)")
    table.add_argument("--chain-rounds", type=int, help="rounds of each chain cell (default: 2; paper on a CPU: 1)")
    table.add_argument(
        "--budget",
        type=float,
        help="most seconds of one chain round; longer ones are computed, and marked (default: 4; paper on a CPU: 300)",
    )
    table.add_argument("--images", type=int, default=1, help="pictures drawn together (default: 1)")
    table.add_argument("--seed", type=int, default=0)
    table.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    table.add_argument("--from-rows", action="store_true", help="only make the table again from the rows on disk")
    table.add_argument("--fresh", action="store_true", help="measure again what was measured at this commit")
    export = commands.add_parser("export", help="export networks to ONNX and check their parity", epilog=EXAMPLES, formatter_class=RAW)
    _world(export)
    export.add_argument("--network", default="all", help="backbone, denoiser, classify_draws or all (default)")
    export.add_argument("--precision", default="fp32", metavar="A,B", help="fp32, fp16, bf16 (default: fp32)")
    export.add_argument("--opset", type=int, help="default: 20 for a backbone, 21 with a UNet, 22 for bf16; 23 keeps Attention whole")
    export.add_argument("--with-denoised", action="store_true", help="classify_draws hands out the denoised pictures as well")
    export.add_argument(
        "--tensorrt", action="store_true", help="build a TensorRT engine too (needs an NVIDIA GPU and TensorRT 10.13 to 11)"
    )
    doctor = commands.add_parser("doctor", help="what can run here, and why the rest cannot", epilog=EXAMPLES, formatter_class=RAW)
    doctor.set_defaults(world="embedded")
    return parser.parse_args(arguments)


def _world(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", default="embedded", help="embedded (default) or paper")
    parser.add_argument("--backbone", metavar="NAME", help="vit_b16, deit_b16, deit_b16_distilled, swin_b, vit_embedded, ... or timm:NAME")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="the backbone's checkpoint (.safetensors or .pt); random without it")
    parser.add_argument("--classes", type=Path, metavar="FILE", help="class names, one a line")
    parser.add_argument("--denoiser-weights", type=Path, metavar="FILE", help="a guided-diffusion checkpoint; random without it")
    parser.add_argument("--head-channels", type=int, default=64, help="channels an attention head of that checkpoint (default: 64)")
    parser.add_argument(
        "--pictures", type=Path, metavar="PATH", help="a picture or a folder of them, ImageNet's too (default: the world's own)"
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")


def _check_names(options: argparse.Namespace) -> None:
    """Every name that can be judged without loading anything heavy; comma-separated options become tuples."""
    if options.command == "doctor":
        return
    known(options.world, WORLDS, "world")
    options.precision = _listed(options.precision, PRECISIONS, "precision")
    if options.command == "table":
        known(f"table{options.number}", names("bench.tables"), "table")
        options.session = _listed(options.session or "eager,ort", names("runtime.sessions"), "session")
        options.rule = _listed(options.rule, RULES, "rule") if options.rule else None
        options.denoise = _listed(options.denoise, DENOISERS, "denoiser")
        if "one_shot" not in options.denoise:
            raise FvitError("--denoise chain came alone; say one_shot,chain: chains beyond the budget are computed from the measured call")
    else:
        options.network = NETWORKS if options.network == "all" else _listed(options.network, NETWORKS, "network")


def _listed(text: str, choices: Iterable[str], kind: str) -> tuple[str, ...]:
    return tuple(known(name.strip(), choices, kind) for name in text.split(","))


def _command(options: argparse.Namespace) -> int:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here may reach for a hub
    print(f"fvit {options.command}: loading PyTorch ...", file=sys.stderr, flush=True)
    if options.command == "doctor":
        from bench.doctor import report

        return report()
    if options.command == "export":
        from bench.commands import export

        return export(options)
    from bench.commands import table

    return table(options)


def _one_line(message, category, filename, lineno, file=None, line=None) -> None:
    print(f"fvit: note: {message}", file=sys.stderr)
