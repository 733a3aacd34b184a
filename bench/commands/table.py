"""Measure a table of the paper; print it beside the printed one.

Table 3 is seconds, all others are accuracy and maps. Without --world paper the
networks and pictures that ship are used. What was measured before is kept:
the same command goes on where it stopped.

Table 3 takes about 3 minutes on 2 cores, another table from minutes to hours;
fvit table NUMBER --dry-run estimates it. Before weeks at the paper's size:
fvit table all --world paper --rehearse runs everything once, in small.

Examples:
  fvit table 3
  fvit table all --quick
  fvit table all --world paper --rehearse
  fvit table 1 --world paper --unet 256x256_diffusion_uncond.pt \\
      --checkpoint vit_b16=vit.pth --data imagenet_seg root=gtsegs_ijcv.mat
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from bench.commands._options import (
    DENOISERS,
    GRIDS,
    PRESETS,
    TIMED,
    Device,
    Explainers,
    Networks,
    OwnData,
    Precisions,
    Preset,
    Results,
    Sessions,
    tables,
)
from bench.commands._types import Positive, Real, Seed, Shard, name_of, names_of
from runtime.errors import FvitError
from runtime.names import PRINTED_RULES

KIND = "accuracy and maps"


def attacks() -> list[str]:
    """Attacks and their variants, as `bench.worlds.attack.names` has them; PyTorch is loaded only where one is asked for."""
    from bench.worlds import attack

    return attack.names()


Number = Annotated[
    str, Parameter(converter=name_of("table", lambda: [*tables(), "all"]), help=f"which table: {', '.join(tables())} or all")
]
Rules = Annotated[
    tuple[str, ...],
    Parameter(
        converter=names_of("rule", PRINTED_RULES), metavar="A,B", help=f"how many steps a noise level is: {', '.join(PRINTED_RULES)}"
    ),
]
Denoisers = Annotated[tuple[str, ...], Parameter(converter=names_of("denoiser", DENOISERS), metavar="A,B", help=", ".join(DENOISERS))]


@Parameter(name="*", group=Group(f"Tables of {KIND} ({', '.join(GRIDS)})", sort_key=3))
@dataclass(frozen=True, kw_only=True)
class Counted:
    """What the tables of accuracy and maps are counted on."""

    n: Annotated[Positive, Parameter(help="test pictures of each cell")] = 200
    preset: Preset = PRESETS[0]
    quick: Annotated[bool, Parameter(help="8 pictures of each cell: to see a table, not to measure it")] = False
    long: Annotated[
        bool, Parameter(help="Tables 8 and 10: AutoAttack's full set and attacks that know the defence as well, which takes hours")
    ] = False
    dry_run: Annotated[
        bool, Parameter(help="read files and checkpoints, say what would be measured, how long it takes and in what memory, and stop")
    ] = False
    rehearse: Annotated[
        bool,
        Parameter(
            help="run each kind of cell once, in small, for time and memory; in world paper with random weights and small files where "
            "none were given"
        ),
    ] = False
    explainer: Annotated[Explainers, Parameter(help="whose maps Tables 1, 5, 6 and 7 compare", show_default="the paper's, and random")] = ()
    attack: Annotated[
        tuple[str, ...],
        Parameter(converter=names_of("attack", attacks), metavar="A,B", help="attacks of Tables 1, 5, 7, 10", show_default="the paper's"),
    ] = ()
    shard: Annotated[Shard | None, Parameter(help="only every K-th part of the pictures, from the I-th on; fvit merge joins them")] = None


@Parameter(name="*", group=Group(f"Table {TIMED}, of seconds", sort_key=4))
@dataclass(frozen=True, kw_only=True)
class TimingOptions:
    """What the table of seconds times."""

    session: Sessions = ("eager", "ort")
    precision: Precisions = ("fp32",)
    rule: Annotated[Rules | None, Parameter(show_default="cumulative,per-step; world paper on a CPU: per-step")] = None
    denoise: Denoisers = DENOISERS
    draws: Annotated[Positive | None, Parameter(help="draws of a round", show_default="10; world paper on a CPU: 1")] = None
    rounds: Annotated[Positive | None, Parameter(help="rounds of a one-shot cell", show_default="6; world paper on a CPU: 3")] = None
    chain_rounds: Annotated[Positive | None, Parameter(help="rounds of a chain's cell", show_default="2; world paper on a CPU: 1")] = None
    budget: Annotated[
        Real | None,
        Parameter(
            help="most seconds of one round of a chain; longer ones are computed, and marked",
            show_default="4; world paper on a CPU: 300",
        ),
    ] = None
    images: Annotated[Positive, Parameter(help="pictures per round")] = 1
    pictures: Annotated[Path | None, Parameter(metavar="PATH", help="a picture or a folder", show_default="the world's own")] = None


def run(
    number: Number,
    /,
    *,
    seed: Seed = 0,
    device: Device = None,
    counted: Counted = Counted(),
    timed: TimingOptions = TimingOptions(),
    networks: Networks = Networks(),
    own: OwnData = OwnData(),
    results: Results = Results(),
) -> int:
    """Measures what is missing, writes and prints the tables; 1 if a cell failed."""
    _refuse(number, counted, timed, networks, own)
    from bench.commands import _table

    return _table.run(_table.TableRequest(number, seed, device, counted, timed, networks, own, results))


def _refuse(number: str, counted: Counted, timed: TimingOptions, networks: Networks, own: OwnData) -> None:
    """Refuses an option that this table would not read."""
    strays = _changed(own)
    if strays and (networks.world == "embedded" or number == TIMED):
        raise FvitError(f"--{strays[0]} belongs to tables of {KIND} with --world paper; add it, or leave --{strays[0]} out")
    refused: dict[str, str] = {}
    if number == TIMED:
        refused = dict.fromkeys(set(_changed(counted)) - {"rehearse"}, f"tables of {KIND} ({', '.join(GRIDS)})")
    elif number != "all":
        refused = dict.fromkeys(_changed(timed), f"table {TIMED}")
        refused |= dict.fromkeys(_changed(networks), "--world paper") if networks.world == "embedded" else {}
    for name, home in refused.items():
        raise FvitError(f"--{name} belongs to {home}; table {number} would not read it: leave it out")
    unread = {*_changed(counted)} & {"n", "quick", "shard"} | {*_changed(timed)} & {"draws", "rounds", "chain-rounds", "budget"}
    if counted.rehearse and unread:
        raise FvitError(f"--{min(unread)} does not go with --rehearse, which has numbers of its own; leave one of them out")
    if "one_shot" not in timed.denoise:
        raise FvitError("--denoise chain given alone; say one_shot,chain: chains beyond the budget are computed from the measured call")


def _changed(group: Any) -> list[str]:
    """The options of a group that are not as they are without being given."""
    return [field.name.replace("_", "-") for field in fields(group) if getattr(group, field.name) != field.default]
