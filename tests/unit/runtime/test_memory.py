"""A batch that does not fit is answered in parts, the same; anything else that goes wrong stays what it was."""

import pytest
import torch

from runtime.sessions.split import OutOfMemory, SplitBatch


class Small:
    """A session with room for `room` pictures."""

    def __init__(self, room: int, error: Exception):
        self.room, self.error, self.seen = room, error, []

    def __call__(self, x: torch.Tensor, t: torch.Tensor):
        self.seen.append(len(x))
        if len(x) > self.room:
            raise self.error
        return x * t[:, None], t


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
        RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer of size 9"),
    ],
)
def test_the_answer_is_the_same_in_parts_and_said_once(error):
    said, inner = [], Small(3, error)
    session, x, t = SplitBatch(inner, "net", {}, said.append), torch.rand(10, 2), torch.rand(10)
    for _ in range(2):
        scaled, times = session(x, t)
        assert torch.equal(scaled, x * t[:, None]) and torch.equal(times, t)
    assert inner.seen == [10, 5, 2, 2, 1, 2, 2, 1] + [2] * 5
    assert [line.split(": ")[-1] for line in said] == [
        "a batch of 10 does not fit into the memory, 5 at a time from now on",
        "a batch of 5 does not fit into the memory, 2 at a time from now on",
    ]
    assert session.facts["most"] == 2


def test_one_picture_that_does_not_fit_is_refused_in_a_line():
    with pytest.raises(OutOfMemory, match="net: one picture at a time does not fit"):
        SplitBatch(Small(0, MemoryError()), "net", {}, lambda line: None)(torch.rand(2, 2), torch.rand(2))


def test_another_error_is_not_taken_for_it():
    with pytest.raises(RuntimeError, match="a wrong kernel"):
        SplitBatch(Small(0, RuntimeError("a wrong kernel")), "net", {}, lambda line: None)(torch.rand(2, 2), torch.rand(2))
