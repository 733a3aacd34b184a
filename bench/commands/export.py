"""Networks as ONNX files, each checked against eager PyTorch.

A file is made once and lies in the cache ($FVIT_CACHE); with it come the
comparison's result and a trtexec line. int8 files are calibrated, and layers
that lose most stay in float.

The embedded world's networks take a minute, its int8 ones several; the UNet of
the world paper takes some minutes and 2 GB.

Examples:
  fvit export --network backbone --backbone vit_b16
  fvit export --precision int8
  fvit export --network backbone --backbone timm:resnet18 --weights mine.pt \\
      --classes names.txt
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bench.commands._options import NETWORKS, Networks, Precisions
from bench.commands._types import Natural, names_of
from runtime.errors import FvitError

Exported = Annotated[
    tuple[str, ...],
    Parameter(converter=names_of("network", (*NETWORKS, "all")), metavar="A,B", help=f"which: {', '.join(NETWORKS)} or all"),
]
KEPT = "by measurement; none with --world paper"


def run(
    *,
    network: Exported = ("all",),
    precision: Precisions = ("fp32",),
    opset: Annotated[Natural | None, Parameter(help="ONNX's version, 20 to 23", show_default="20; 21 with a UNet; 22 for bf16")] = None,
    with_denoised: Annotated[bool, Parameter(help="classify_draws gives the denoised pictures as well")] = False,
    keep: Annotated[
        str | None, Parameter(metavar="A,B", help="layers of an int8 file that stay float: auto, none, or names", show_default=KEPT)
    ] = None,
    tensorrt: Annotated[bool, Parameter(help="build a TensorRT engine too (needs an NVIDIA GPU and TensorRT 10.13 to 11)")] = False,
    pictures: Annotated[
        Path | None,
        Parameter(metavar="PATH", help="a picture or a folder: what an int8 file is calibrated on", show_default="the world's own"),
    ] = None,
    networks: Networks = Networks(),
) -> int:
    """Exports the networks asked for, checks each against eager fp32 and prints where it lies."""
    if opset and "int8" in precision:
        raise FvitError("--opset is not for int8, whose file is made from the fp32 one; export int8 in a command of its own")
    from rich.console import Console

    from bench.commands import _export
    from bench.worlds import world
    from bench.worlds.workbench import Workbench

    kept = None if keep is None else tuple(name.strip() for name in keep.split(",") if name.strip() != "none")
    kinds = NETWORKS if "all" in network else network
    bench = Workbench(world.open(networks.world, networks.brought(pictures=pictures)))
    return _export.run(_export.Exports(kinds, precision, opset, with_denoised, kept, tensorrt), bench, Console())
