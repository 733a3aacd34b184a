"""Train the embedded world's networks again, from their seeds.

A killed training goes on where it stopped and ends with the same weights, bit
for bit. Finished weights and cards go to runtime/weights.

All of them take some hours on 2 cores; --minutes ends a session before.

Examples:
  fvit train vit --minutes 2
  fvit train denoiser vit --threads 2
  fvit train all --weights my-weights
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bench.commands._options import TRAINED
from bench.commands._types import Positive, Real, name_of

Network = Annotated[str, Parameter(converter=name_of("network", ("all", *TRAINED)))]


def run(
    *networks: Annotated[Network, Parameter(help=f"all, or some of {', '.join(TRAINED)}", required=True)],
    minutes: Annotated[Real | None, Parameter(help="stop after so long", show_default="when all have ended")] = None,
    threads: Annotated[Positive | None, Parameter(help="cores to use", show_default="all")] = None,
    weights: Annotated[Path | None, Parameter(metavar="DIR", help="where finished weights go", show_default="runtime/weights")] = None,
) -> int:
    """Trains what was asked for; 0 also when --minutes ended it, since the same command goes on."""
    from rich.console import Console

    from bench.records.clock import cores, fixed_threads
    from bench.worlds.training import train

    asked = tuple(dict.fromkeys(networks))
    with fixed_threads(threads or cores()):
        train.train(TRAINED if "all" in asked else asked, minutes, Console(), weights)
    return 0
