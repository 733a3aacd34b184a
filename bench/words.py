"""What is read from the words of a command line: several names, whole numbers, numbers above 0."""

import argparse
from collections.abc import Iterable

from runtime.errors import FvitError
from runtime.plugins import known


def positive(options: argparse.Namespace, name: str) -> None:
    value = getattr(options, name)
    if value is not None and not value > 0:
        raise FvitError(f"--{name} {value}: a number above 0 is wanted")


def natural(options: argparse.Namespace, name: str) -> None:
    if getattr(options, name) < 0:
        raise FvitError(f"--{name} {getattr(options, name)}: 0 or more is wanted")


def numbers(text: str, name: str = "picture") -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise FvitError(f"--{name} {text}: whole numbers with commas are wanted") from None


def listed(text: str, choices: Iterable[str], kind: str) -> tuple[str, ...]:
    return tuple(known(name.strip(), choices, kind) for name in text.split(","))
