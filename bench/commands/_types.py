"""How words of the command line become values; a word that cannot is told with its option, what came and what is wanted."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol

from cyclopts import Parameter

from runtime.errors import FvitError
from runtime.plugins import known

SHOWN = 40  # characters of a word that an error repeats
MOST = 1_000_000_000
UNITS = {"ms": 1e-3, "min": 60.0, "s": 1.0, "h": 3600.0}  # 50ms ends in ms and in s: the longer ones first

Names = Iterable[str] | Callable[[], Iterable[str]]  # a call, where plugins added later count too


class Word(Protocol):
    """A word as cyclopts hands it over: the option as it was typed (None: there was none) and what came."""

    @property
    def keyword(self) -> str | None: ...

    @property
    def value(self) -> str: ...


def read(convert: Callable[[str], Any], wanted: str) -> Callable[[Any, Sequence[Word]], Any]:
    """The converter of an option with one value; `convert` raises ValueError where `wanted` did not come."""

    def converter(_: Any, words: Sequence[Word]) -> Any:
        word = words[-1]
        try:
            return convert(word.value.strip())
        except (ValueError, OverflowError):
            raise FvitError(f"{told(word)}: {wanted} is expected") from None

    return converter


def each(convert: Callable[[str], Any], wanted: str) -> Callable[[Any, Sequence[Word]], tuple]:
    """The converter of an option with several values, with commas or the option repeated; one that came twice counts once."""

    def converter(_: Any, words: Sequence[Word]) -> tuple:
        found = []
        for word in words:
            try:
                found += [convert(part.strip()) for part in word.value.split(",")]
            except (ValueError, OverflowError):
                raise FvitError(f"{told(word)}: {wanted} are expected") from None
        return tuple(dict.fromkeys(found))

    return converter


def name_of(kind: str, names: Names) -> Callable[[Any, Sequence[Word]], str]:
    """The converter of an option that takes one of `names`."""
    return lambda _, words: _one(words[-1], words[-1].value.strip(), kind, names)


def names_of(kind: str, names: Names, key: Callable[[str], str] = str) -> Callable[[Any, Sequence[Word]], tuple[str, ...]]:
    """The converter of an option that takes several of `names`, with commas; `key`: the part of a word that is the name."""

    def converter(_: Any, words: Sequence[Word]) -> tuple[str, ...]:
        parts = [(word, part.strip()) for word in words for part in word.value.split(",")]
        for word, part in parts:
            _one(word, key(part), kind, names)
        return tuple(dict.fromkeys(part for _, part in parts))

    return converter


def before_colon(word: str) -> str:
    """The name in `vta:layer=2`."""
    return word.split(":")[0]


def files(_: Any, words: Sequence[Word]) -> tuple[tuple[str, Path], ...]:
    """The converter of NAME=FILE, repeated."""
    found = {}
    for word in words:
        name, _, file = word.value.partition("=")
        if not name or not file:
            raise FvitError(f"{told(word)}: NAME=FILE is expected, as in deit_b16=deit.safetensors")
        if name in found:
            raise FvitError(f"{told(word)}: {name} given before; one file a name is expected")
        found[name] = Path(file)
    return tuple(found.items())


def told(word: Word) -> str:
    """The option and what came, not more of it than fits a line."""
    value = word.value if len(word.value) <= SHOWN else f"{word.value[:SHOWN]}... ({len(word.value):,} characters)"
    value = value if value.strip() and value.isprintable() else repr(value)
    return f"{word.keyword} {value}" if word.keyword else value


def _one(word: Word, name: str, kind: str, names: Names) -> str:
    try:
        return known(name, names() if callable(names) else names, kind)
    except FvitError as error:
        raise FvitError(f"{word.keyword}: {error}" if word.keyword else str(error)) from None


def _whole(text: str, least: int, most: int = MOST) -> int:
    number = int(text)  # ValueError of more than 4,300 digits too
    if not least <= number <= most:
        raise ValueError
    return number


def _real(text: str, fits: Callable[[float], bool]) -> float:
    number = float(text)
    if not (math.isfinite(number) and fits(number)):
        raise ValueError
    return number


def _duration(text: str) -> float:
    """Seconds."""
    for unit, seconds in UNITS.items():
        if text.endswith(unit):
            return seconds * _real(text.removesuffix(unit), _above_0)
    raise ValueError


def _shard(text: str) -> tuple[int, int]:
    first, _, every = text.partition("/")
    return _whole(first, 1, _whole(every, 1)), _whole(every, 1)


def _above_0(number: float) -> bool:
    return number > 0


Positive = Annotated[int, Parameter(converter=read(partial(_whole, least=1), f"a whole number from 1 to {MOST:,}"), metavar="N")]
Natural = Annotated[int, Parameter(converter=read(partial(_whole, least=0), f"a whole number from 0 to {MOST:,}"), metavar="N")]
Seed = Annotated[
    int,
    Parameter(
        converter=read(partial(_whole, least=0, most=2**64 - 1), "a whole number from 0 to 2^64 - 1"),
        metavar="N",
        help="seed of all random numbers",
    ),
]
AtLeast2 = Annotated[int, Parameter(converter=read(partial(_whole, least=2), f"a whole number from 2 to {MOST:,}"), metavar="N")]
Real = Annotated[float, Parameter(converter=read(partial(_real, fits=_above_0), "a number above 0"), metavar="X")]
Chance = Annotated[float, Parameter(converter=read(partial(_real, fits=lambda x: 0 < x < 1), "a number between 0 and 1"), metavar="X")]
Share = Annotated[
    float, Parameter(converter=read(partial(_real, fits=lambda x: 0 < x <= 1), "a share above 0, at most 1,"), metavar="SHARE")
]
Duration = Annotated[
    float, Parameter(converter=read(_duration, "a time above 0 with its unit, as in 50ms, 0.2s, 30min or 2h,"), metavar="TIME")
]
Shard = Annotated[tuple[int, int], Parameter(converter=read(_shard, "I/K, the I-th of K, as in 2/16,"), n_tokens=1, metavar="I/K")]
Indices = Annotated[tuple[int, ...], Parameter(converter=each(partial(_whole, least=-MOST), "whole numbers with commas"), metavar="I,J")]
Counts = Annotated[tuple[int, ...], Parameter(converter=each(partial(_whole, least=1), "whole numbers above 0 with commas"), metavar="N,M")]
Orders = Annotated[
    tuple[float, ...],
    Parameter(converter=each(partial(_real, fits=lambda x: x > 1), "numbers above 1 with commas"), metavar="A,B"),
]
Files = Annotated[tuple[tuple[str, Path], ...], Parameter(converter=files, n_tokens=1, metavar="NAME=FILE")]
