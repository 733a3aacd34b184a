"""Splits a batch that does not fit into memory."""

from collections.abc import Callable

import torch
from torch import Tensor

from runtime.errors import FvitError
from runtime.protocols import Session

SIGNS = ("not enough memory", "out of memory", "failed to allocate", "can't allocate memory", "bad_alloc")


class OutOfMemory(FvitError):
    """Not even one picture at a time fits."""


class SplitBatch:
    """A session that gets only as many pictures at once as fit into memory; its answers are the same.

    When memory runs out the batch is halved until it fits. `say` reports it once; `facts["most"]` holds the size for all later calls.
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
            return self(*inputs)  # outside the except block: the error's traceback keeps the failed call's tensors alive
        parts = [self(*part) for part in zip(*(x.split(most) for x in inputs), strict=True)]
        return tuple(map(torch.cat, zip(*parts, strict=True))) if isinstance(parts[0], tuple) else torch.cat(parts)

    def _halve(self, batch: int, error: Exception) -> None:
        """Sets the size to half of `batch` if memory ran out; raises any other error again."""
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
    """Whether a call failed for lack of memory; each library words it differently."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(sign in str(error).lower() for sign in SIGNS)
