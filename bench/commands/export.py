"""`fvit export`: networks to ONNX files, each checked for parity."""

import argparse

import torch
from rich.console import Console

from bench.commands.table import world_options
from bench.worlds import DEFAULTS
from export import networks, parity, to_onnx, to_tensorrt
from runtime import backbone, denoisers, plugins
from runtime.artifact import Artifact
from runtime.errors import SessionUnavailable
from runtime.network import Network


def run(options: argparse.Namespace) -> int:
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
