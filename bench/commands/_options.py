"""Options that several commands share: names that they choose from, single options, and groups of them as frozen dataclasses.

The lists stand here so that a wrong name is told before PyTorch is loaded; a test holds them equal to what they name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from cyclopts import CycloptsError, Group, Parameter, convert

from bench.commands._types import Duration, Files, Positive, Word, before_colon, name_of, names_of, told
from runtime import plugins
from runtime.errors import FvitError
from runtime.names import PRECISIONS

if TYPE_CHECKING:
    from rich.console import Console

    from bench.records.campaign import How
    from bench.records.store import Store
    from bench.worlds.world import Brought

DENOISERS = ("one_shot", "chain")  # of Table 3
NETWORKS = ("backbone", "denoiser", "classify_draws")
TRAINED = ("denoiser", "vit", "deit", "swin")
TASKS = ("digits", "pairs", "crowd")
PRESETS = ("corrected", "paper-text", "as-printed", "released-code")
EMBEDDED = ("vit_embedded", "deit_embedded", "swin_embedded")
SCENARIOS = ("single-stream", "server", "offline")
ANSWERS = ("label", "map")
STEPPED = ("one_shot", "ddim-2", "ddim-4", "ddim-8", "chain", "identity", "blur", "jpeg")
CROPS = ("timm", "printed", "whole")
FIGURES = tuple(map(str, range(1, 11)))
TIMED = "3"  # the table of seconds; the others are tables of trials


def tables() -> list[str]:
    """The tables by the name that a user types: numbers in their order, then the others."""
    names = [name.removeprefix("table") if name.removeprefix("table").isdigit() else name for name in plugins.names("bench.tables")]
    return sorted(names, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))


TABLES = tuple(name for name in tables() if name.isdigit())
GRIDS = tuple(number for number in TABLES if number != TIMED)

sessions, explainers, worlds = (partial(plugins.names, package) for package in ("runtime.sessions", "runtime.explainers", "bench.worlds"))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


Session = Annotated[str, Parameter(converter=name_of("session", sessions), metavar="NAME", help=f"what computes: {_listed(sessions())}")]
Sessions = Annotated[
    tuple[str, ...],
    Parameter(converter=names_of("session", sessions), metavar="A,B", help=f"what computes, several with commas: {_listed(sessions())}"),
]
Precision = Annotated[str, Parameter(converter=name_of("precision", PRECISIONS), metavar="NAME", help=f"one of {_listed(PRECISIONS)}")]
Precisions = Annotated[
    tuple[str, ...],
    Parameter(converter=names_of("precision", PRECISIONS), metavar="A,B", help=f"several with commas: {_listed(PRECISIONS)}"),
]
Device = Annotated[Literal["cpu", "cuda"] | None, Parameter(help="where to compute", show_default="cuda where there is a GPU")]
Explainer = Annotated[str, Parameter(converter=lambda _, words: _explainers(_, words[-1:])[0], metavar="NAME")]
Explainers = Annotated[tuple[str, ...], Parameter(converter=lambda _, words: _explainers(_, words), metavar="A,B")]
Task = Annotated[str, Parameter(converter=name_of("task", TASKS), metavar="NAME", help=f"of the embedded world: {_listed(TASKS)}")]
Preset = Annotated[
    str, Parameter(converter=name_of("preset", PRESETS), metavar="NAME", help=f"what the paper leaves open: {_listed(PRESETS)}")
]
ResultsFolder = Annotated[Path, Parameter(name="--results", metavar="DIR", help="folder of the results folders")]
_explainers = names_of("explainer", explainers, before_colon)


@Parameter(name="*", group=Group("Results", sort_key=9))
@dataclass(frozen=True, kw_only=True)
class Results:
    """Where rows lie, and which of them are measured again."""

    folder: ResultsFolder = Path("results")
    from_rows: Annotated[bool, Parameter(help="measure nothing: make the page again from what was measured")] = False
    fresh: Annotated[bool, Parameter(help="measure again what was measured at this commit")] = False
    seconds: Annotated[
        Duration | None, Parameter(name="--for", help="stop after so long, as in 2h; the same command goes on from there")
    ] = None
    wait: Annotated[bool, Parameter(help="wait for another process that measures into the same folder")] = False

    def how(self) -> "How":
        """How campaigns are run: the same for all of a command, whose time runs from the first time that this is asked."""
        return self._how

    @cached_property
    def _how(self) -> "How":
        from bench.records.campaign import How

        return How(self.fresh, self.seconds, self.wait)

    def store(self, prefix: str, console: "Console") -> "Store":
        """The rows of <folder>/<prefix>-<this machine>, or of the folder itself where it has rows already, whoever measured them."""
        from bench.records.machine import folder_name
        from bench.records.store import PACKED, ROWS, Store

        own = any((self.folder / name).exists() for name in (ROWS, PACKED))
        return Store(
            self.folder if own else self.folder / f"{prefix}-{folder_name()}",
            lambda line: console.print(line, highlight=False, soft_wrap=True),
        )


@Parameter(name="*", group=Group("Networks", sort_key=5))
@dataclass(frozen=True, kw_only=True)
class Networks:
    """A world, and what the user has in place of its own networks."""

    world: Annotated[str, Parameter(converter=name_of("world", worlds), metavar="NAME", help=f"which networks: {_listed(worlds())}")] = (
        "embedded"
    )
    backbone: Annotated[
        str | None,
        Parameter(
            metavar="NAME",
            help="vit_b16, deit_b16, deit_b16_distilled, swin_b, vit_embedded, ... or timm:NAME",
            show_default="the world's own",
        ),
    ] = None
    weights: Annotated[
        Path | None,
        Parameter(
            metavar="FILE",
            help="the backbone's checkpoint, .safetensors or .pt",
            show_default="what ships; random numbers at the paper's size",
        ),
    ] = None
    classes: Annotated[Path | None, Parameter(metavar="FILE", help="the backbone's class names, one a line")] = None
    denoiser_weights: Annotated[
        Path | None,
        Parameter(
            name=("--denoiser-weights", "--unet"),
            metavar="FILE",
            help="a guided-diffusion checkpoint for the world paper; random numbers without it",
        ),
    ] = None
    head_channels: Annotated[Positive, Parameter(help="channels of an attention head of that checkpoint")] = 64

    def brought(self, own: "OwnData | None" = None, pictures: Path | None = None) -> "Brought":
        """What the user has in place of the world's own."""
        from bench.worlds.world import Brought

        first = {self.backbone or ("vit_b16" if self.world == "paper" else EMBEDDED[0]): self.weights} if self.weights else {}
        more = dict(own.checkpoint) if own else {}
        data = {one.name: one.options() for one in own.data} if own else {}
        crop = own.crop if own else CROPS[0]
        return Brought(self.backbone, first | more, self.classes, self.denoiser_weights, self.head_channels, pictures, data, crop)


@dataclass(frozen=True)
class DataSet:
    """A data set on the user's disk: `facts` are its plugin's options as they came, key and value."""

    name: str
    facts: tuple[tuple[str, str], ...] = ()

    def options(self) -> dict[str, Any]:
        """The plugin's options, read as the types of its fields; a key that it does not have, and a missing `root`, are refused."""
        options = plugins.load("bench.worlds.data", self.name).Options
        hints = get_type_hints(options)
        keys = [field.name for field in fields(options) if field.name not in ("side", "crop")]
        if "root" in keys and "root" not in dict(self.facts):
            raise FvitError(f"--data {self.name}: root=PATH is missing; say where the data lies")
        found = {}
        for key, value in self.facts:
            try:
                plugins.known(key, keys, "key")
                found[key] = convert(hints[key], [value])
            except FvitError as error:
                raise FvitError(f"--data {self.name}: {error}") from None
            except CycloptsError:
                raise FvitError(f"--data {self.name}: {key}={value} is not what {key} can be") from None
        return found


def data_sets() -> list[str]:
    """The data sets that read the user's files."""
    return plugins.names("bench.worlds.data")


def _data(_: Any, words: Sequence[Word]) -> tuple[DataSet, ...]:
    """NAME key=value key=value NAME key=value ...: each word without `=` begins the next data set."""
    found: dict[str, dict[str, str]] = {}
    facts: dict[str, str] | None = None
    for word in words:
        key, equals, value = word.value.partition("=")
        if not equals:
            name = name_of("data set", data_sets)(_, [word])
            if name in found:
                raise FvitError(f"--data {name} given twice; give it once, with all that belongs to it")
            facts = found[name] = {}
        elif facts is None:
            raise FvitError(f"{told(word)}: the data set's name comes first, as in --data coco root=DIR")
        elif not key or not value or key in facts:
            raise FvitError(f"{told(word)}: one key=value for each key is expected, as in root=DIR")
        else:
            facts[key] = value
    return tuple(DataSet(name, tuple(facts.items())) for name, facts in found.items())


@Parameter(name="*", group=Group("Your own data, with --world paper", sort_key=6))
@dataclass(frozen=True, kw_only=True)
class OwnData:
    """Checkpoints of more than one backbone, data sets on the user's disk, and how their pictures are cut."""

    checkpoint: Annotated[Files, Parameter(help="the checkpoint of one backbone; may be repeated")] = ()
    data: Annotated[
        tuple[DataSet, ...],
        Parameter(
            converter=_data,
            n_tokens=1,
            consume_multiple=(1, None),
            accepts_keys=False,
            metavar="NAME KEY=VALUE ...",
            help=f"a data set and where it lies, as in coco root=DIR; may be repeated. Data sets: {_listed(data_sets())}. "
            "Keys: root, a folder or file; ids, a file of picture names, one a line, that chooses them; of folder: masks and labels; "
            "of imagenet: labels and synsets",
        ),
    ] = ()
    crop: Annotated[
        str,
        Parameter(
            converter=name_of("crop", CROPS),
            metavar="NAME",
            help="how pictures and masks are cut: timm, each network's own way; printed, as Appendix G: shorter side to 256, middle 224; "
            "whole: with their masks squeezed into the square, as Chefer et al. do",
        ),
    ] = CROPS[0]
