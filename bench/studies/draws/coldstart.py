"""Cold start: what the first answer costs, in a process of its own.

    import (libraries) -> load (network or file) -> first call -> second call, and the peak memory of all of it

Left out: the interpreter's own start; reading the file's hash is in `load`. The file is warm in the system's cache.
"""

import itertools
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from runtime.errors import FvitError
from runtime.provenance import ROOT


def measure(world, session: str, precision: str, device: str, artifact: Path | None) -> dict:
    """Seconds of each part and peak bytes, from a child process; FvitError with the child's last line if it fails."""
    brought = {k: str(v.resolve()) if isinstance(v, Path) else v for k, v in asdict(world).items()}
    job = {"world": brought, "session": session, "precision": precision}
    job |= {"device": device, "artifact": str(artifact) if artifact else None}
    done = subprocess.run(
        [sys.executable, "-m", "bench.studies.draws.coldstart", json.dumps(job)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ},
    )
    if done.returncode:
        raise FvitError(f"cold start of {session} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def child(job: dict) -> dict:
    """Runs in the child: loads the denoiser in one session and calls it twice at batch 1."""
    from time import perf_counter

    marks = [perf_counter()]
    import torch

    from bench.records.clock import PeakMemory, now, settle
    from export.networks import denoiser_step, example
    from runtime import artifact, plugins
    from runtime.diffusion import networks as denoisers
    from runtime.network import Network, at_precision

    settle()
    device = torch.device(job["device"])
    marks.append(perf_counter())
    if job["artifact"]:
        source = artifact.read(job["artifact"]).at(job["precision"])
        shape = Network(source.network, torch.nn.Identity(), source.inputs, source.outputs, "", "")
    else:
        world = job["world"]
        name = {"embedded": "unet_embedded", "paper": "adm_256"}[world["name"]]
        shape = source = at_precision(
            denoiser_step(denoisers.build(name, world["denoiser_weights"], world["head_channels"])), job["precision"]
        )
    loaded = plugins.load("runtime.sessions", job["session"]).load(source, device)
    marks.append(now(device))
    inputs = tuple(x.to(device) for x in example(shape, 1))
    for _ in range(2):
        loaded(*inputs)
        marks.append(now(device))
    spans = [after - before for before, after in itertools.pairwise(marks)]
    names = ("import_seconds", "load_seconds", "first_call_seconds", "second_call_seconds")
    return dict(zip(names, spans, strict=True)) | {"peak_bytes": PeakMemory().read()}


if __name__ == "__main__":
    print(json.dumps(child(json.loads(sys.argv[1]))))
