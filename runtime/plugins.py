"""A file is a plugin and its name is its name: the folders are the registries.

A file with a leading underscore is no plugin, nor is one that the package names in NOT_PLUGINS.
"""

import difflib
import importlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from runtime.errors import FvitError


def names(package: str) -> list[str]:
    """The plugins of `package` ("runtime.sessions"), sorted, found without importing any of them."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FvitError(f"{package} is no package of this project; install the project or run from its root")
    folder = Path(next(iter(spec.submodule_search_locations)))
    others = getattr(importlib.import_module(package), "NOT_PLUGINS", ())
    return sorted(file.stem for file in folder.glob("*.py") if not file.stem.startswith("_") and file.stem not in others)


def load(package: str, name: str) -> ModuleType:
    """The plugin `name` of `package`; an unknown name is refused with the known ones and the nearest."""
    return importlib.import_module(f"{package}.{known(name, names(package), package.rpartition('.')[2].rstrip('s'))}")


def known(name: str, choices: Iterable[str], kind: str) -> str:
    """`name` if it is one of `choices`, else an error that lists them and names the nearest."""
    choices = list(choices)
    if name in choices:
        return name
    nearest = difflib.get_close_matches(name, choices, n=1, cutoff=0.0)
    hint = f"; nearest: {nearest[0]}" if nearest else ""
    raise FvitError(f"unknown {kind} {name!r}; known: {', '.join(choices)}{hint}")
