"""What `fvit doctor` does: for every session whether it can run here, what it would really compute with, and what to install if it cannot."""

import importlib.metadata
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from bench.records.clock import cores, fixed_threads
from bench.records.machine import cpu_name
from runtime import artifact, plugins
from runtime.names import PRECISIONS
from runtime.sessions import precision as precisions

SESSIONS = "runtime.sessions"
PACKAGES = ("torch", "timm", "diffusers", "onnx", "onnxruntime-gpu", "onnxruntime", "openvino", "tensorrt")


def run() -> int:
    """Prints the report; 1 if eager or ort, which every table needs, cannot run."""
    console, device = Console(), torch.device("cuda" if torch.cuda.is_available() else "cpu")
    sessions = {name: plugins.load(SESSIONS, name) for name in plugins.names(SESSIONS)}
    reasons = {name: session.available() for name, session in sessions.items()}
    table = Table("session", "here", "computes with, or why not", title="Sessions", title_justify="left")
    with fixed_threads(cores()):
        for name, why in reasons.items():
            table.add_row(name, "no" if why else "yes", why or sessions[name].told(device))
    console.print(table)
    facts = Table("this machine", "", title="Machine", title_justify="left")
    for label, value in _facts().items():
        facts.add_row(label, value)
    console.print(facts)
    return 1 if reasons.get("eager") or reasons.get("ort") else 0


def _facts() -> dict[str, str]:
    flags, folder = precisions.flags(), artifact.cache()
    instructions = [label for flag, label in precisions.INSTRUCTIONS.items() if flag in flags]
    caveats = [caveat for precision in PRECISIONS if (caveat := precisions.caveat(precision, torch.device("cpu")))]
    return {
        "processor": f"{cpu_name()}, {cores()} cores",
        "instructions": ", ".join(instructions) or "none known",
        "precisions": "; ".join(caveats) or f"{', '.join(PRECISIONS)}: this processor has instructions for each, or does not tell",
        "threads": f"{cores()} for a table (torch's default here: {torch.get_num_threads()})",
        "GPU": _gpu(),
        "packages": ", ".join(f"{name} {version}" for name in PACKAGES if (version := _version(name))),
        "exported files": f"{folder}, {_bytes(folder) / 1e6:.0f} MB" if folder.is_dir() else f"{folder}, empty",
    }  # fmt: skip


def _gpu() -> str:
    if not torch.cuda.is_available():
        return f"none that torch {torch.__version__} can use"
    import pynvml

    pynvml.nvmlInit()
    driver = pynvml.nvmlSystemGetDriverVersion()
    facts = torch.cuda.get_device_properties(0)
    return f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB, driver {driver}, CUDA {torch.version.cuda}"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _bytes(folder: Path) -> int:
    """Bytes of everything below `folder`."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
