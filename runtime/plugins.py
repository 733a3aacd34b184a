"""A file is a plugin and the file's name is the plugin's: the folders are the registries.

A file with a leading underscore is not a plugin, nor is one that the package lists in NOT_PLUGINS. `add` makes the plugins of a folder
outside the project known: DIR/explainers/mine.py is a plugin of runtime.explainers as if it lay there.
"""

import difflib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from runtime.errors import FvitError

KINDS = ("explainers", "attacks", "metrics", "tables", "data", "sessions", "backbones", "commands")
ROOT = "fvit_plugins"  # the package that plugins from outside are imported into
VARIABLE = "FVIT_PLUGINS"  # of the environment: folders to add, separated as in PATH
SHOWN, NEAREST = 20, 5  # names in a message

_added: dict[str, dict[str, Path]] = {}  # kind -> plugin -> its file
_loaded: set[str] = set()  # plugins of this project that were loaded before


def add(folder: str | Path) -> None:
    """Makes the plugins in `folder` known: its sub-folders are named after the KINDS. None of them is imported yet."""
    folder = Path(folder).expanduser().resolve()
    if not folder.is_dir():
        raise FvitError(f"no plugin folder at {folder}; give a folder with one or more of {', '.join(KINDS)} in it")
    kinds = [kind for kind in KINDS if (folder / kind).is_dir()]
    if not kinds:
        raise FvitError(f"{folder} has no plugins: it needs one or more sub-folders named {', '.join(KINDS)}")
    for kind in kinds:
        known_files = _added.setdefault(kind, {})
        for name, file in _files(folder / kind).items():
            if known_files.setdefault(name, file) != file:
                raise FvitError(f"{file} and {known_files[name]} have the same name; rename one of them")


def folders() -> list[Path]:
    """The folders that were added and have plugins."""
    return list(dict.fromkeys(file.parent.parent for files in _added.values() for file in files.values()))


def names(package: str) -> list[str]:
    """The plugins of `package` ("runtime.sessions"), sorted, found without importing any of them."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FvitError(f"{package} is not a package of this project; install the project or run from its root")
    excluded = getattr(importlib.import_module(package), "NOT_PLUGINS", ())
    own = _files(Path(next(iter(spec.submodule_search_locations)))).keys()
    for name, file in _outside(package).items():
        if name in own:
            raise FvitError(f"{file} has the name of a plugin of {package}; rename it")
    return sorted({name for name in own if name not in excluded} | _outside(package).keys())


def load(package: str, name: str) -> ModuleType:
    """The plugin `name` of `package`; an unknown name is refused with the known ones and the nearest."""
    outside, module = _outside(package), f"{package}.{name}"
    if outside or module not in _loaded:  # else the folder need not be read again: nothing from outside can have its name
        known(name, names(package), _kind(package).removesuffix("s"))
    if name in outside:
        return _imported(_kind(package), outside[name])
    _loaded.add(module)
    return importlib.import_module(module)


def origin(package: str, name: str) -> str | None:
    """File name and hash of a plugin from outside, for the rows measured with it; None for one of this project."""
    file = _outside(package).get(name)
    return None if file is None else f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"


def origins(packages: Iterable[str]) -> dict[str, str]:
    """The plugins of these packages that come from outside the project: kind/name -> file and hash."""
    found = {f"{_kind(package)}/{name}": origin(package, name) for package in packages for name in _outside(package)}
    return {name: file for name, file in found.items() if file}


def known(name: str, choices: Iterable[str], kind: str) -> str:
    """`name` if it is one of `choices`, else an error that lists them and names the nearest."""
    choices = list(choices)
    if name in choices:
        return name
    if len(choices) > SHOWN:
        nearest = ", ".join(difflib.get_close_matches(name, choices, n=NEAREST, cutoff=0.0))
        raise FvitError(f"unknown {kind} {name!r}; {len(choices):,} {kind}{'es' if kind.endswith('s') else 's'}; nearest: {nearest}")
    nearest = difflib.get_close_matches(name, choices, n=1, cutoff=0.0)
    hint = f"; nearest: {nearest[0]}" if nearest else ""
    raise FvitError(f"unknown {kind} {name!r}; known: {', '.join(choices)}{hint}")


def options(name: str, words: Iterable[str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The KEY=VALUE `words` of a plugin's spec NAME:KEY=VALUE:..., read as the types of `defaults`; an unknown key or a wrong value is refused."""
    found = {}
    for word in words:
        key, _, value = word.partition("=")
        default = defaults[known(key, defaults, f"option of {name}")]
        found[key] = _value(value, type(default), f"{name}:{key}")
    return found


def _value(text: str, kind: type, where: str) -> Any:
    try:
        return {"true": True, "false": False}[text] if kind is bool else kind(text)
    except (KeyError, ValueError):
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, kind.__name__)
        raise FvitError(f"{where}={text} given; {wanted} is expected") from None


def _files(folder: Path) -> dict[str, Path]:
    return {file.stem: file for file in sorted(folder.glob("*.py")) if not file.stem.startswith("_")}


def _kind(package: str) -> str:
    return package.rpartition(".")[2]


def _outside(package: str) -> dict[str, Path]:
    return _added.get(_kind(package), {})


def _imported(kind: str, file: Path) -> ModuleType:
    """The module of a plugin from outside; what the plugin can import from its own folder are the underscore files: `from . import _shared`."""
    module_name = f"{ROOT}.{kind}.{file.stem}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    for parent in (ROOT, f"{ROOT}.{kind}"):
        package = sys.modules.setdefault(parent, ModuleType(parent))
        package.__path__ = [str(path) for path in dict.fromkeys(one.parent for one in _added[kind].values())] if parent != ROOT else []
    spec = importlib.util.spec_from_file_location(module_name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's code raises
        del sys.modules[module_name]
        raise FvitError(f"plugin {file} cannot be imported ({type(error).__name__}: {' '.join(str(error).split())}); mend it") from error
    return module
