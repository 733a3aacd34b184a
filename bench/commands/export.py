"""`fvit export`: networks to ONNX files, each checked for parity."""

import argparse
import math

import torch
from rich.console import Console
from rich.table import Table

from bench.commands.table import world_options
from bench.worlds import calibration
from bench.worlds.world import DEFAULTS, build
from export import networks, parity, quantize, to_onnx, to_tensorrt
from runtime import plugins
from runtime.artifact import Artifact
from runtime.backbones import build as backbone
from runtime.diffusion import networks as denoisers
from runtime.errors import SessionUnavailable
from runtime.network import Network

SHOWN = 12


def run(options: argparse.Namespace) -> int:
    """Exports the networks asked for, checks each against eager fp32 and prints where it lies."""
    console, device = Console(), torch.device("cpu")
    eager, ort = plugins.load("runtime.sessions", "eager"), plugins.load("runtime.sessions", "ort")
    for precision in options.precision:
        for kind in options.network:
            made = network(options, kind, precision)
            console.print(f"exporting {made.name} in {precision}", highlight=False)
            artifact, given = _int8(options, kind, console) if precision == "int8" else (to_onnx.export(made, options.opset), None)
            console.print(f"  {artifact.model}  ({artifact.size / 1e6:.1f} MB, opset {artifact.opset})", highlight=False, soft_wrap=True)
            try:
                session = ort.load(artifact, device)
            except SessionUnavailable as error:
                console.print(f"  parity: not checkable here: {error}", highlight=False)
            else:
                exact = made if precision == "fp32" else network(options, kind, "fp32")
                found = parity.check(exact, eager.load(exact, device), session, precision, given)
                labels = "" if math.isnan(found.labels) else f", {found.labels:.1%} of the labels equal"
                told = f"  parity: {found.cases} comparisons, largest difference {found.largest:.2g}, cosine {found.cosine:.7f}{labels}"
                console.print(told, highlight=False)
            _tensorrt(artifact, options.tensorrt, console)
    return 0


def network(options: argparse.Namespace, kind: str, precision: str) -> Network:
    """The network `kind` of the world that `options` describe; an int8 file is made from the one in fp32."""
    precision = "fp32" if precision == "int8" else precision
    world = world_options(options)
    own_backbone, own_denoiser = DEFAULTS[world.name]
    if kind == "backbone":
        return networks.backbone(backbone.build(world.backbone or own_backbone, world.weights, world.classes), precision)
    if kind == "denoiser":
        return networks.denoiser_step(denoisers.build(own_denoiser, world.denoiser_weights, world.head_channels), precision)
    parts = network(options, "denoiser", precision), network(options, "backbone", precision)
    return networks.classify_draws(*parts, with_denoised=options.with_denoised)


def _int8(options: argparse.Namespace, kind: str, console: Console) -> tuple[Artifact, list]:
    """The int8 file, what its parity is measured on; prints what was calibrated and, where layers were measured, each one's error."""
    world = build(world_options(options))
    keep = options.keep if options.keep is not None else quantize.AUTO if world.name == "embedded" else ()
    with console.status("quantizing") as status:
        made = quantize.export(network(options, kind, "fp32"), calibration.calibration(world, kind), keep, status.update)
    console.print(f"  calibrated on {made.quantized['calibration']}", highlight=False)
    kept = made.quantized["kept"]
    if made.quantized["layers"]:
        table = Table("layer", "kind", "error alone in int8", "", title=f"the worst {SHOWN} of {len(made.quantized['layers'])} layers")
        for layer in made.quantized["layers"][:SHOWN]:
            table.add_row(layer["name"], layer["kind"], f"{layer['error']:.4f}", "float" if layer["name"] in kept else "int8")
        console.print(table)
    console.print(f"  {len(kept)} layers stay in float{': ' if kept else ''}{', '.join(kept)}", highlight=False)
    if "random" in made.weights:
        console.print("  random weights: this file serves to measure time, nothing else", highlight=False)
    return made, calibration.held_out(world, kind)


def _tensorrt(artifact: Artifact, build: bool, console: Console) -> None:
    options = to_tensorrt.EngineOptions()
    if build:
        console.print(f"  engine: {to_tensorrt.build(artifact, options)}", highlight=False, soft_wrap=True)
    console.print(f"  trtexec: {to_tensorrt.trtexec_line(artifact, options)}", highlight=False, soft_wrap=True)
