"""jaxtyping's shapes checked with beartype in whatever is imported from now on; functions that name none are left as they are."""

from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, get_args
from unittest.mock import patch

import jaxtyping
from beartype import beartype
from jaxtyping import AbstractArray, _import_hook

PACKAGES = ("bench", "export", "runtime")


def install() -> None:
    """jaxtyping's import hook on PACKAGES, narrowed: a call that has no shape to check would pay for the check, and be traced with it."""
    whole = jaxtyping.jaxtyped
    jaxtyping.jaxtyped = lambda *, typechecker: lambda made: whole(made, typechecker=typechecker) if _names_a_shape(made) else made
    loader = _import_hook._JaxtypingLoader
    loader.get_code, loader.exec_module = _code, _execute
    jaxtyping.install_import_hook(PACKAGES, f"{__name__}.check")


def _code(loader: Any, name: str) -> CodeType | None:
    """The module's compiled code, in a file that says it was compiled with the checks.

    The hook itself gives such a name to all that the module imports as well, torch say, whose own compiled files then are not found.
    """
    named = _import_hook._optimized_cache_from_source
    with patch("importlib._bootstrap_external.cache_from_source", lambda path, **how: named(loader._typechecker.get_hash(), path, **how)):
        return SourceFileLoader.get_code(loader, name)


def _execute(loader: Any, module: ModuleType) -> None:
    SourceFileLoader.exec_module(loader, module)


def check(function: Callable) -> Callable:
    """beartype of the annotations that hold a shape. All others are pyright's: a protocol cannot be checked at run time."""
    function.__annotations__ = {name: hint if _shaped(hint) else Any for name, hint in function.__annotations__.items()}
    return beartype(function)


def _names_a_shape(made: Any) -> bool:
    return any(map(_shaped, getattr(made, "__annotations__", {}).values()))


def _shaped(hint: Any) -> bool:
    return (isinstance(hint, type) and issubclass(hint, AbstractArray)) or any(map(_shaped, get_args(hint)))
