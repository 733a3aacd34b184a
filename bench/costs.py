"""The commands that tell what DDS costs: what they can be given, and what of it can be judged without loading anything heavy."""

import argparse
from pathlib import Path

from bench.options import PRECISIONS, results
from bench.words import listed, numbers, positive
from runtime.errors import FvitError
from runtime.plugins import known, names

WORKS = ("unet_552m", "vit_b16", "deit_b16", "swin_b", "unet_12m", "draw")
SCENARIOS = ("single-stream", "server", "offline")
ANSWERS = ("label", "map")
STEPPED = ("one_shot", "ddim-2", "ddim-4", "ddim-8", "chain", "identity", "blur", "jpeg")


def _roofline(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--work", default=",".join(WORKS), metavar="A,B", help=f"{', '.join(WORKS)} (default: all)")
    sessions = "eager,compiled,openvino,ort"
    parser.add_argument("--session", default=sessions, metavar="A,B", help=f"{', '.join(names('runtime.sessions'))} (default: {sessions})")
    precisions = "fp32,bf16,int8"
    parser.add_argument("--precision", default=precisions, metavar="A,B", help=f"{', '.join(PRECISIONS)} (default: {precisions})")
    parser.add_argument("--pairs", type=int, default=25, help="calls of each candidate and of eager fp32, in turn, at most (default: 25)")
    parser.add_argument("--batch", metavar="A,B", help="pictures a call, one size or several (default: each work's own)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    results(parser)


def _latency(parser: argparse.ArgumentParser) -> None:
    scenarios, answers = ",".join(SCENARIOS), ",".join(ANSWERS)
    told = "label; map (label and VTA's mean map); another explainer's, as in vta:rules=chefer_bf16 (default: label,map)"
    parser.add_argument("--scenario", default=scenarios, metavar="A,B", help=f"{', '.join(SCENARIOS)} (default: all)")
    parser.add_argument("--answer", default=answers, metavar="A,B", help=told)
    parser.add_argument("--draws", type=int, default=10, help="draws a picture (default: 10)")
    parser.add_argument("--session", default="ort", help=f"{', '.join(names('runtime.sessions'))} (default: ort)")
    parser.add_argument("--precision", default="fp32", help=f"{', '.join(PRECISIONS)} (default: fp32)")
    parser.add_argument(
        "--merge", default="1,8", metavar="A,B", help="requests answered together at most, where several wait (default: 1,8)"
    )
    parser.add_argument(
        "--qps",
        type=float,
        help="pictures a second offered to `server` (default: half of single-stream's rate, by a trial where that was not measured)",
    )
    parser.add_argument("--target-p99", type=float, metavar="MS", help="what server's p99 may be (default: 6 times single-stream's p50)")
    parser.add_argument("--seconds", type=float, default=20.0, help="least length of a run (default: 20)")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds after which a run counts as hung and is ended (default: 900)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    results(parser)


def _frontier(parser: argparse.ArgumentParser) -> None:
    sessions, precisions, denoisers = "ort,eager,compiled,openvino", "fp32,bf16,int8", ",".join(STEPPED)
    parser.add_argument("--n", type=int, default=50, help="test pictures (default: 50)")
    parser.add_argument("--session", default=sessions, metavar="A,B", help=f"{', '.join(names('runtime.sessions'))} (default: {sessions})")
    parser.add_argument("--precision", default=precisions, metavar="A,B", help=f"{', '.join(PRECISIONS)} (default: {precisions})")
    others = f"{', '.join(STEPPED)}; all but one_shot in the first session and precision (default: all)"
    parser.add_argument("--denoise", default=denoisers, metavar="A,B", help=others)
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    results(parser)


def _plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--latency", metavar="TIME", help="the most that a picture may take: 50ms, 0.2s")
    parser.add_argument("--accuracy", type=float, metavar="SHARE", help="the least accuracy under attack: 0.9")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")


def _check_roofline(options: argparse.Namespace) -> None:
    options.work = listed(options.work, WORKS, "work")
    options.session = listed(options.session, names("runtime.sessions"), "session")
    options.precision = listed(options.precision, PRECISIONS, "precision")
    positive(options, "pairs")
    options.batch = None if options.batch is None else numbers(options.batch, "batch")
    if options.batch and min(options.batch) < 1:
        raise FvitError(f"--batch {min(options.batch)}: 1 picture a call or more is wanted")


def _check_latency(options: argparse.Namespace) -> None:
    options.scenario = listed(options.scenario, SCENARIOS, "scenario")
    options.answer = tuple(dict.fromkeys(answer.strip() for answer in options.answer.split(",")))
    for answer in options.answer:
        known(answer.split(":")[0], (*ANSWERS, *names("runtime.explainers")), "answer")
    known(options.session, names("runtime.sessions"), "session")
    known(options.precision, PRECISIONS, "precision")
    options.merge = numbers(options.merge, "merge")
    if min(options.merge) < 1:
        raise FvitError(f"--merge {min(options.merge)}: 1 request or more are answered together")
    for name in ("draws", "qps", "target_p99", "seconds", "limit"):
        positive(options, name)


def _check_frontier(options: argparse.Namespace) -> None:
    options.session = listed(options.session, names("runtime.sessions"), "session")
    options.precision = listed(options.precision, PRECISIONS, "precision")
    options.denoise = listed(options.denoise, STEPPED, "denoiser")
    positive(options, "n")


def _check_plan(options: argparse.Namespace) -> None:
    if options.latency is None and options.accuracy is None:
        raise FvitError("nothing to plan for: give --latency 50ms, --accuracy 0.9, or both")
    options.latency = None if options.latency is None else _duration(options.latency)
    if options.accuracy is not None and not 0 < options.accuracy <= 1:
        raise FvitError(f"--accuracy {options.accuracy:g}: a share above 0, at most 1, is wanted")


def _duration(text: str) -> float:
    number, unit = (text[:-2], 1e-3) if text.endswith("ms") else (text.removesuffix("s"), 1.0)
    if not number.replace(".", "", 1).isdigit() or not text.endswith("s") or not float(number):
        raise FvitError(f"--latency {text}: a time above 0 with its unit is wanted, as in 50ms or 0.2s")
    return float(number) * unit


COMMANDS = {
    "frontier": (_frontier, _check_frontier, "accuracy, certificates and maps against cost, setting by setting"),
    "plan": (_plan, _check_plan, "the best measured setting within a time or an accuracy"),
    "latency": (_latency, _check_latency, "what a service that answers with DDS would take: single stream, server, offline"),
    "roofline": (_roofline, _check_roofline, "the machine's ceilings; networks in every session and precision beside them"),
}
