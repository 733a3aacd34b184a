"""A batch that is too large for the memory is answered in parts."""

from collections.abc import Callable

import torch
from torch import Tensor

from runtime.errors import FvitError
from runtime.protocols import Session

SIGNS = ("not enough memory", "out of memory", "failed to allocate", "can't allocate memory", "bad_alloc")


class OutOfMemory(FvitError):
    """Not even one picture at a time fits."""


class Fitting:
    """A session that is given no more pictures at once than fit; what it answers is the same.

    Where memory runs out the batch is halved until it fits. That is said once, kept for all later calls and stands in `facts` as `most`.
    """

    def __init__(self, session: Session, name: str, facts: dict, say: Callable[[str], None]):
        self._session, self._name, self._say, self.facts = session, name, say, facts

    def __call__(self, *inputs: Tensor):
        batch = len(inputs[0]) if inputs and inputs[0].ndim else 0
        most = self.facts.get("most", batch)
        if batch <= most or not batch:
            try:
                return self._session(*inputs)
            except (RuntimeError, MemoryError) as error:
                self._halve(batch, error)
            return self(*inputs)  # after the error is gone: its traceback holds what the failed call had made
        parts = [self(*part) for part in zip(*(x.split(most) for x in inputs), strict=True)]
        return tuple(map(torch.cat, zip(*parts, strict=True))) if isinstance(parts[0], tuple) else torch.cat(parts)

    def _halve(self, batch: int, error: Exception) -> None:
        """Half of `batch` from now on, if it was the memory; raises what it was otherwise."""
        if not exhausted(error):
            raise error
        if batch < 2:
            raise OutOfMemory(
                f"{self._name}: one picture at a time does not fit into the memory; free some, or take a smaller network"
            ) from error
        self.facts["most"] = batch // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._say(f"note: {self._name}: a batch of {batch} does not fit into the memory, {batch // 2} at a time from now on")


def exhausted(error: Exception) -> bool:
    """Whether it was the memory that ended a call; each library says it in its own words."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(sign in str(error).lower() for sign in SIGNS)
