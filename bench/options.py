"""What each command can be given. A function declares one command's options, or some that several commands share."""

import argparse
from pathlib import Path

from bench.studies.figures.catalogue import FIGURES
from runtime.plugins import names

WORLDS = ("embedded", "paper")  # these lists stand here so that a wrong name is told before PyTorch is loaded; a test holds them true
RULES = ("cumulative", "cumulative-unet-range", "carlini", "per-step")
PRECISIONS = ("fp32", "fp16", "bf16", "int8")
DENOISERS = ("one_shot", "chain")
NETWORKS = ("backbone", "denoiser", "classify_draws")
TRAINED = ("denoiser", "vit", "deit", "swin")
TASKS = ("digits", "pairs", "crowd")
FUSES = ("mean", "drop_lowest_max", "top_share", "median")
TIMED = "3"  # the table of seconds; the others are tables of looks
OF_LOOKS = ("n", "preset", "quick", "long", "dry_run")  # options of a table that the table of seconds has no use for
OF_SECONDS = ("session", "precision", "rule", "denoise", "draws", "rounds", "chain_rounds", "budget", "images", "pictures")
OF_PAPER = ("backbone", "weights", "classes", "denoiser_weights")  # the embedded world's tables of looks have all of its networks
TABLES = tuple(str(n) for n in sorted(int(name.removeprefix("table")) for name in names("bench.tables")))
GRIDS = tuple(number for number in TABLES if number != TIMED)
PRESETS = ("corrected", "paper-text", "paper-table3", "released-code")
EMBEDDED = ("vit_embedded", "deit_embedded", "swin_embedded")


DATA = ("imagenet", "gtsegs", "coco", "cityscapes", "folder")


def table(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "number", help=f"which table: {', '.join(TABLES)} or all; {TIMED} is the one of seconds, its options follow the others"
    )
    parser.add_argument("--n", type=int, default=200, help="test pictures a cell (default: 200)")
    parser.add_argument("--preset", default="corrected", help=f"what the paper leaves open: {', '.join(PRESETS)} (default: corrected)")
    parser.add_argument("--quick", action="store_true", help="8 pictures a cell: a look at the whole thing, not a measurement")
    parser.add_argument("--long", action="store_true", help="AutoAttack's full set and EOT attacks as well (Table 10): hours")
    parser.add_argument("--dry-run", action="store_true", help="say what would be measured, and stop")
    parser.add_argument("--shard", metavar="I/K", help="only every K-th part of the pictures, from the I-th on; join them with fvit merge")
    world(parser)
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    own_data(parser)
    known_sessions = ", ".join(names("runtime.sessions"))
    parser.add_argument("--session", default="eager,ort", metavar="A,B", help=f"sessions: {known_sessions} (default: eager,ort)")
    precision(parser)
    parser.add_argument("--rule", metavar="A,B", help="rules for t* (default: cumulative,per-step; paper on a CPU: per-step)")
    parser.add_argument("--denoise", default="one_shot,chain", metavar="A,B", help="one_shot, chain (default: both)")
    parser.add_argument("--draws", type=int, help="draws a round (default: 10; paper on a CPU: 1)")
    parser.add_argument("--rounds", type=int, help="rounds of each one-shot cell (default: 6; paper on a CPU: 3)")
    parser.add_argument("--chain-rounds", type=int, help="rounds of each chain cell (default: 2; paper on a CPU: 1)")
    budget = "most seconds of one chain round; longer ones are computed, and marked (default: 4; paper on a CPU: 300)"
    parser.add_argument("--budget", type=float, help=budget)
    parser.add_argument("--images", type=int, default=1, help="pictures drawn together (default: 1)")
    parser.add_argument("--seed", type=int, default=0)
    results(parser)


def own_data(parser: argparse.ArgumentParser) -> None:
    """The user's files of the world `paper`."""
    checkpoint = "a checkpoint of another backbone, as --weights is of --backbone; may be repeated"
    parser.add_argument("--checkpoint", action="append", default=[], metavar="NAME=FILE", help=checkpoint)
    parser.add_argument(
        "--imagenet", type=Path, metavar="DIR", help="ImageNet's validation pictures: folders of wnids, or flat with --labels"
    )
    parser.add_argument("--gtsegs", type=Path, metavar="FILE", help="ImageNet-Segmentation: gtsegs_ijcv.mat")
    parser.add_argument("--coco", type=Path, metavar="DIR", help="COCO 2017: val2017/ and annotations/")
    parser.add_argument("--cityscapes", type=Path, metavar="DIR", help="Cityscapes: leftImg8bit/ and gtFine/")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="your own pictures, with --masks and --labels")
    parser.add_argument("--masks", type=Path, metavar="DIR", help="of --folder: a PNG of each picture's stem")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="classes of the pictures of --imagenet or --folder")
    parser.add_argument("--synsets", type=Path, metavar="FILE", help="what numbers in --labels mean: meta.mat, or lines of `number wnid`")
    parser.add_argument("--ids", type=Path, metavar="FILE", help="picture names, one a line: only these, in this order")


def merge(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="results folders that hold the shards")
    parser.add_argument("--into", type=Path, metavar="DIR", help="results folder of the whole (default: the first RUN)")


def export(parser: argparse.ArgumentParser) -> None:
    world(parser)
    parser.add_argument("--network", default="all", help="backbone, denoiser, classify_draws or all (default)")
    precision(parser)
    parser.add_argument("--opset", type=int, help="default: 20 for a backbone, 21 with a UNet, 22 for bf16; 23 keeps Attention whole")
    parser.add_argument("--with-denoised", action="store_true", help="classify_draws hands out the denoised pictures as well")
    keep = "layers of an int8 file that stay float: auto (the default, by measurement; with --world paper: none), none, or names"
    parser.add_argument("--keep", metavar="A,B", help=keep)
    engine = "build a TensorRT engine too (needs an NVIDIA GPU and TensorRT 10.13 to 11)"
    parser.add_argument("--tensorrt", action="store_true", help=engine)


def train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("networks", nargs="+", metavar="NETWORK", help=f"all, or some of {', '.join(TRAINED)}")
    parser.add_argument("--minutes", type=float, help="stop after so long, to go on another time (default: until all have ended)")
    parser.add_argument("--threads", type=int, help="cores to use (default: all)")
    parser.add_argument("--weights", type=Path, metavar="DIR", help="where finished weights and cards go (default: runtime/weights)")


def everything(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=int, default=500, help="test pictures of each task (default: 500)")
    parser.add_argument("--sigma", type=float, help="the defence's real noise, of 255 (default: the one chosen on the validation split)")
    results(parser)


def demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--task", default="digits", help=f"{', '.join(TASKS)} (default: digits)")
    parser.add_argument("--picture", type=int, default=2, metavar="INDEX", help="index in the task's test split (default: 2)")
    parser.add_argument("--output", type=Path, default=Path("demo.png"), metavar="FILE", help="the panel (default: demo.png)")


def figures(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", nargs="?", default="all", help=f"which figure: {', '.join(FIGURES)} or all (default)")
    parser.add_argument("--picture", default="2,3", metavar="I,J", help="indices in the test split, for the panels of maps (default: 2,3)")
    parser.add_argument("--n", type=int, default=50, help="test pictures a point of Figure 3 (default: 50)")
    parser.add_argument("--preset", default="corrected", help=f"what the paper leaves open: {', '.join(PRESETS)} (default: corrected)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")


def explain(parser: argparse.ArgumentParser) -> None:
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
    networks(parser)


def certify(parser: argparse.ArgumentParser) -> None:
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
    results(parser)


def report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="DIR", help="a results folder (default: the embedded world's of this machine)"
    )
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")


def compare(parser: argparse.ArgumentParser) -> None:
    for name in ("first", "second"):
        parser.add_argument(name, type=Path, metavar="RUN", help="a results folder")


def nothing(parser: argparse.ArgumentParser) -> None:
    pass


def world(parser: argparse.ArgumentParser) -> None:
    networks(parser)
    picture = "a picture or a folder of them, ImageNet's too (default: the world's own)"
    parser.add_argument("--pictures", type=Path, metavar="PATH", help=picture)


def networks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", default="embedded", help="embedded (default) or paper")
    parser.add_argument("--backbone", metavar="NAME", help="vit_b16, deit_b16, deit_b16_distilled, swin_b, vit_embedded, ... or timm:NAME")
    checkpoint = "the backbone's checkpoint, .safetensors or .pt (default: what ships, or random numbers at the paper's size)"
    parser.add_argument("--weights", type=Path, metavar="FILE", help=checkpoint)
    parser.add_argument("--classes", type=Path, metavar="FILE", help="class names, one a line")
    parser.add_argument("--denoiser-weights", "--unet", type=Path, metavar="FILE", help="a guided-diffusion checkpoint; random without it")
    parser.add_argument("--head-channels", type=int, default=64, help="channels an attention head of that checkpoint (default: 64)")


def precision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--precision", default="fp32", metavar="A,B", help=f"{', '.join(PRECISIONS)} (default: fp32)")


def results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    parser.add_argument("--from-rows", action="store_true", help="only make the table again from the rows on disk")
    parser.add_argument("--fresh", action="store_true", help="measure again what was measured at this commit")
