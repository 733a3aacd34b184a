"""Cold start: what the first answer costs, in a separate process.

    import (libraries) -> load (network or file) -> first call -> second call, and the peak memory of all of it

Left out: the interpreter's own start. Included in `load`: reading the file's hash. The file is in the system's cache already.
"""

import itertools
from pathlib import Path
from time import perf_counter  # bench.records.clock imports PyTorch, whose import is timed here
from typing import Any

from bench.records import child as children

LIMIT = 1800.0  # seconds: the largest denoiser needs one minute
NAMES = ("import_seconds", "load_seconds", "first_call_seconds", "second_call_seconds")


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds of each part and peak bytes, from a child process; FvitError with its last line where it fails.

    `job`: session, precision, device, artifact (the exported file's folder) or None, and for None world, denoiser_weights, head_channels.
    """
    return children.call("bench.studies.draws.coldstart:child", job, LIMIT)


def child(job: dict[str, Any]) -> dict[str, Any]:
    """Runs in the child: loads the denoiser in one session and calls it twice at batch 1."""
    marks = [perf_counter()]
    import torch

    from bench.records.clock import PeakMemory, now, settle
    from bench.worlds import world as worlds
    from export.networks import denoiser_step, example
    from runtime import artifact, plugins
    from runtime.network import Network, at_precision

    settle()
    device = torch.device(job["device"])
    marks.append(perf_counter())
    if job["artifact"]:
        source = artifact.read(job["artifact"]).at(job["precision"])
        shape = Network(source.network, torch.nn.Identity(), source.inputs, source.outputs, source.weights, "")
    else:
        weights = job["denoiser_weights"]
        brought = worlds.Brought(denoiser_weights=Path(weights) if weights else None, head_channels=job["head_channels"])
        shape = source = at_precision(denoiser_step(worlds.open(job["world"], brought).denoiser()), job["precision"])
    loaded = plugins.load("runtime.sessions", job["session"]).load(source, device)
    marks.append(now(device))
    inputs = tuple(x.to(device) for x in example(shape, 1))
    for _ in range(2):
        loaded(*inputs)
        marks.append(now(device))
    spans = [after - before for before, after in itertools.pairwise(marks)]
    return dict(zip(NAMES, spans, strict=True)) | {"peak_bytes": PeakMemory().read()}
