"""Which machine and which versions made a number."""

import functools
import importlib.metadata
import platform
import re
from pathlib import Path

import psutil
import torch

from bench.records.clock import cores
from runtime.provenance import commit

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "diffusers",
    "onnx",
    "onnxscript",
    "onnxruntime-gpu",
    "onnxruntime",
    "openvino",
    "tensorrt",
    "numpy",
)


def environment() -> dict:
    """What a number depends on: commit, versions, processor, threads, GPU. No host, user or path."""
    gpu = torch.cuda.get_device_properties(0) if torch.cuda.is_available() else None
    return {
        "commit": commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "cpu": cpu_name(),
        "cores": cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "threads": torch.get_num_threads(),
        "load_at_start": round(psutil.getloadavg()[0], 2),
        "gpu": None if gpu is None else {"name": gpu.name, "memory_gib": round(gpu.total_memory / 2**30, 1), "cuda": torch.version.cuda},
    }


@functools.cache
def folder_name() -> str:
    """This machine in the name of a folder: the GPU's model, else the processor's with its cores."""
    name = torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"{cpu_name()}-{cores()}c"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def cpu_name() -> str:
    """The processor's model, with its family where the model name is as bare as "AMD EPYC"."""
    try:
        facts = dict(_pairs(Path("/proc/cpuinfo").read_text()))
    except OSError:
        return platform.processor() or platform.machine()
    name = re.sub(r"\((R|TM)\)|CPU|Processor|@.*|\d+-Core", "", facts.get("model name", platform.machine()))
    name = " ".join(name.split())
    return name if any(c.isdigit() for c in name) else f"{name} family {facts.get('cpu family')} model {facts.get('model')}"


def _pairs(text: str):
    for line in text.split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        yield key.strip(), value.strip()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
