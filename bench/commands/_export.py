"""What `fvit export` does: networks to ONNX files, each checked for parity."""

import math
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.table import Table

from bench.worlds import calibration
from bench.worlds.workbench import KINDS, Engine, Workbench
from export import parity, to_tensorrt
from runtime import plugins
from runtime.artifact import Artifact
from runtime.errors import SessionUnavailable

SHOWN = 12
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Exports:
    """The networks `kinds` in each of `precisions`; `keep`: layers of an int8 file that stay float, None: the world's own way."""

    kinds: tuple[str, ...]
    precisions: tuple[str, ...]
    opset: int | None = None
    with_denoised: bool = False
    keep: tuple[str, ...] | None = None
    tensorrt: bool = False


def run(exports: Exports, bench: Workbench, console: Console) -> int:
    """Exports each network, checks it against eager fp32 and prints where it lies."""
    for precision in exports.precisions:
        for kind in exports.kinds:
            name = bench.network(kind, precision, exports.with_denoised).name
            console.print(f"exporting {name} in {precision}", highlight=False)
            artifact = _file(exports, kind, precision, bench, console)
            console.print(f"  {artifact.model}  ({artifact.size / 1e6:.1f} MB, opset {artifact.opset})", highlight=False, soft_wrap=True)
            console.print(f"  parity: {_parity(exports, kind, artifact, bench)}", highlight=False, markup=False)
            _tensorrt(artifact, exports.tensorrt, console)
        for kind in KINDS:
            bench.forget(Engine("ort", precision), kind)  # copies in one precision, of 552.8 M parameters where they are the paper's
    return 0


def _file(exports: Exports, kind: str, precision: str, bench: Workbench, console: Console) -> Artifact:
    """The file; of an int8 one prints what it was calibrated on and, where layers were measured, each one's error."""
    with console.status(precision) as status:
        artifact = bench.export(kind, precision, exports.opset, exports.keep, exports.with_denoised, status.update)
    if precision != "int8":
        return artifact
    console.print(f"  calibrated on {artifact.quantized['calibration']}", highlight=False)
    kept, layers = artifact.quantized["kept"], artifact.quantized["layers"]
    if layers:
        table = Table("layer", "kind", "error alone in int8", "", title=f"the worst {SHOWN} of {len(layers)} layers")
        for layer in layers[:SHOWN]:
            table.add_row(layer["name"], layer["kind"], f"{layer['error']:.4f}", "float" if layer["name"] in kept else "int8")
        console.print(table)
    console.print(f"  {len(kept)} layers stay in float{': ' if kept else ''}{', '.join(kept)}", highlight=False)
    if artifact.weights.kind == "random":
        console.print("  random weights: this file serves to measure time, nothing else", highlight=False)
    return artifact


def _parity(exports: Exports, kind: str, artifact: Artifact, bench: Workbench) -> str:
    """ONNX Runtime on the file against eager fp32, in words; an int8 file on pictures that no calibration saw."""
    ort, eager = plugins.load("runtime.sessions", "ort"), plugins.load("runtime.sessions", "eager")
    try:
        session = ort.load(artifact, CPU)
    except SessionUnavailable as error:
        return f"not checkable here: {error}"
    exact = bench.network(kind, "fp32", exports.with_denoised)
    inputs = calibration.held_out(bench, kind) if artifact.precision == "int8" else parity.cases(exact)
    worst = parity.check(exact, eager.load(exact, CPU), session, artifact.precision, inputs)
    labels = "" if math.isnan(worst.labels) else f", {worst.labels:.1%} of the labels equal"
    return f"{worst.cases} comparisons, largest difference {worst.largest:.2g}, cosine {worst.cosine:.7f}{labels}"


def _tensorrt(artifact: Artifact, build: bool, console: Console) -> None:
    options = to_tensorrt.EngineOptions()
    if build:
        console.print(f"  engine: {to_tensorrt.build(artifact, options)}", highlight=False, soft_wrap=True)
    console.print(f"  trtexec: {to_tensorrt.trtexec_line(artifact, options)}", highlight=False, soft_wrap=True)
