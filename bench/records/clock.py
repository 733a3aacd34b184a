"""Clocks; every timed region says what it leaves out."""

import datetime
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch

CLEAR_REFS = Path("/proc/self/clear_refs")


def now(device: torch.device | None = None) -> float:
    """Seconds of a steady clock, after the device has finished what was queued."""
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def wall() -> float:
    """Seconds of the time of day: two processes of one machine may compare theirs, which `now` does not promise."""
    return time.time()


def stamp() -> str:
    """The time of day, UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def synced_perf_counter() -> float:
    """pytest-benchmark's timer: host time with the GPU, if there is one, finished."""
    return now(torch.device("cuda") if torch.cuda.is_available() else None)


class StageClock:
    """Adds up the seconds of named stages: `with clock("denoise"): ...`. Host time with the device finished at both ends.

    On a GPU the waits keep stages from overlapping, so their sum is above the time of an unwatched run; CUDA events give the device's own.
    """

    def __init__(self, device: torch.device):
        self._device = device
        self.seconds: dict[str, float] = {}
        self.device_seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        events = [torch.cuda.Event(enable_timing=True) for _ in range(2)] if self._device.type == "cuda" else []
        start = now(self._device)
        if events:
            events[0].record()
        yield
        if events:
            events[1].record()
        self.seconds[name] = self.seconds.get(name, 0.0) + now(self._device) - start
        if events:
            self.device_seconds[name] = self.device_seconds.get(name, 0.0) + events[0].elapsed_time(events[1]) / 1e3


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Host seconds of one call of `work`, the device finished at both ends."""
    start = now(device)
    work()
    return now(device) - start


@contextmanager
def fixed_threads(count: int) -> Iterator[None]:
    """PyTorch's intra-op threads set to `count`; restored on leaving."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def settled() -> Iterator[None]:
    """A thread for each core; on a GPU convolutions find their fastest kernel by trial, and none in TF32, which would not be fp32."""
    with fixed_threads(cores()), torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
        yield


def settle() -> None:
    """`settled` for a whole process that does nothing but measure."""
    torch.set_num_threads(cores())
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = True, False


def cores() -> int:
    """Physical cores this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, psutil.cpu_count(logical=False) or allowed)


class PeakMemory:
    """Peak resident memory since `reset`, in bytes; since the process began where the kernel keeps no resettable mark."""

    def reset(self) -> None:
        if os.access(CLEAR_REFS, os.W_OK):
            CLEAR_REFS.write_text("5")  # proc(5): resets VmHWM

    def read(self) -> int:
        status = Path("/proc/self/status")
        if not status.exists():
            return psutil.Process().memory_info().rss
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
