"""jaxtyping's shapes checked with beartype in whatever is imported from now on; functions that name none are left as they are."""

from collections.abc import Callable
from typing import Any, get_args

import jaxtyping
from beartype import beartype
from jaxtyping import AbstractArray

PACKAGES = ("bench", "export", "runtime")


def install() -> None:
    """jaxtyping's import hook on PACKAGES, narrowed: a call that has no shape to check would pay for the check, and be traced with it."""
    whole = jaxtyping.jaxtyped
    jaxtyping.jaxtyped = lambda *, typechecker: lambda made: whole(made, typechecker=typechecker) if _names_a_shape(made) else made
    jaxtyping.install_import_hook(PACKAGES, f"{__name__}.check")


def check(function: Callable) -> Callable:
    """beartype of the annotations that hold a shape. All others are pyright's: a protocol cannot be checked at run time."""
    function.__annotations__ = {name: hint if _shaped(hint) else Any for name, hint in function.__annotations__.items()}
    return beartype(function)


def _names_a_shape(made: Any) -> bool:
    return any(map(_shaped, getattr(made, "__annotations__", {}).values()))


def _shaped(hint: Any) -> bool:
    return (isinstance(hint, type) and issubclass(hint, AbstractArray)) or any(map(_shaped, get_args(hint)))
