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
  fvit explain --task pairs --picture 3 --explainer vta,rollout --class top1,top2 --attack pgd
  fvit explain photo.jpg --world paper --weights vit_b16.safetensors --denoiser-weights 256x256_diffusion_uncond.pt
  fvit certify --n 100 --draws 1000                     certified labels and maps; --adaptive draws until it is certain
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
FUSES = ("mean", "drop_lowest_max", "top_share", "median")
EMBEDDED = ("vit_embedded", "deit_embedded", "swin_embedded")


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
    parser.add_argument("--picture", type=int, default=2, metavar="INDEX", help="index in the task's test split (default: 2)")
    parser.add_argument("--output", type=Path, default=Path("demo.png"), metavar="FILE", help="the panel (default: demo.png)")


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help="files or folders (default: pictures of the embedded world)")
    parser.add_argument("--task", default="digits", help=f"of the embedded world: {', '.join(TASKS)} (default: digits)")
    parser.add_argument("--picture", default="0", metavar="I,J", help="indices in the task's test split (default: 0)")
    known_explainers = ", ".join(names("runtime.explainers"))
    maps = f"maps: {known_explainers}; options as in rollout:start_layer=1:fusion=max (default: vta)"
    parser.add_argument("--explainer", default="vta", metavar="A,B", help=maps)
    parser.add_argument("--class", dest="explained", default="top1", metavar="A,B", help="top1, top2 or class names (default: top1)")
    parser.add_argument("--sigma", type=float, help="the real noise of 255 (default: the embedded world's own)")
    parser.add_argument("--draws", type=int, default=20, help="(default: 20)")
    parser.add_argument("--fuse", default="mean", metavar="A,B", help=f"{', '.join(FUSES)} (default: mean)")
    parser.add_argument("--session", default="ort", help=f"{', '.join(names('runtime.sessions'))} (default: ort)")
    parser.add_argument("--attack", default="none", choices=("none", "pgd"), help="the picture attacked as well (default: none)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--output", type=Path, default=Path("explain.png"), metavar="FILE", help="the panel (default: explain.png); arrays beside it"
    )
    _networks(parser)


def _certify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--n", type=int, default=100, help="test pictures (default: 100)")
    parser.add_argument("--task", default="digits", help=f"{', '.join(TASKS)} (default: digits)")
    parser.add_argument("--backbone", default="vit_embedded", help=f"{', '.join(EMBEDDED)} (default: vit_embedded)")
    parser.add_argument("--alpha", type=float, default=0.001, help="chance of a wrong certificate, label and map together (default: 0.001)")
    parser.add_argument("--sigma", type=float, default=64.0, help="real noise of 255 (default: 64)")
    parser.add_argument("--draws", type=int, help="draws a picture; the most, with --adaptive (default: 500; 2000 with --adaptive)")
    parser.add_argument("--selection", type=int, default=20, help="draws before them that choose the label (default: 20)")
    parser.add_argument("--adaptive", action="store_true", help="draw until 'radius at least --radius' is certain")
    parser.add_argument("--radius", type=float, default=0.1, metavar="R", help="what --adaptive asks for, in sigmas (default: 0.1)")
    parser.add_argument("--k", type=int, default=8, help="top cells of the map (default: 8)")
    parser.add_argument("--beta", type=float, default=0.5, help="share of them that has to stay (default: 0.5)")
    parser.add_argument("--explainer", default="vta", help="(default: vta)")
    parser.add_argument("--session", default="ort", help=f"{', '.join(names('runtime.sessions'))} (default: ort)")
    parser.add_argument("--seed", type=int, default=0)
    _results(parser)


def _nothing(parser: argparse.ArgumentParser) -> None:
    pass


def _world(parser: argparse.ArgumentParser) -> None:
    _networks(parser)
    picture = "a picture or a folder of them, ImageNet's too (default: the world's own)"
    parser.add_argument("--pictures", type=Path, metavar="PATH", help=picture)
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")


def _networks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", default="embedded", help="embedded (default) or paper")
    parser.add_argument("--backbone", metavar="NAME", help="vit_b16, deit_b16, deit_b16_distilled, swin_b, vit_embedded, ... or timm:NAME")
    checkpoint = "the backbone's checkpoint, .safetensors or .pt (default: what ships, or random numbers at the paper's size)"
    parser.add_argument("--weights", type=Path, metavar="FILE", help=checkpoint)
    parser.add_argument("--classes", type=Path, metavar="FILE", help="class names, one a line")
    parser.add_argument("--denoiser-weights", type=Path, metavar="FILE", help="a guided-diffusion checkpoint; random without it")
    parser.add_argument("--head-channels", type=int, default=64, help="channels an attention head of that checkpoint (default: 64)")


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
    "table": (_table, _check_table, "measure and print a table of the paper"),
    "world": (_everything, _check_everything, "measure the embedded world: accuracy, attacks, defence, denoiser"),
    "demo": (_demo, _check_demo, "one picture attacked, undefended and defended, as a panel"),
    "explain": (_explain, _check_explain, "relevance maps of pictures, undefended and behind DDS, as a panel"),
    "certify": (_certify, _check_certify, "certified labels and top-k maps of the embedded world's pictures"),
    "export": (_export, _check_export, "export networks to ONNX and check their parity"),
    "train": (_train, _check_train, "train the embedded world's networks; goes on where it stopped"),
    "doctor": (_nothing, _check_nothing, "what can run here, and why the rest cannot"),
}
