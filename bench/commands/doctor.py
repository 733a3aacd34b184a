"""`fvit doctor`: for every session whether it can run here, what it would really compute with, and what to install if it cannot."""

import argparse
import importlib.metadata
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from bench.options import PRECISIONS
from bench.records.clock import cores
from bench.records.machine import cpu_name
from runtime import artifact, plugins
from runtime.sessions import precision as ability

SESSIONS = "runtime.sessions"
PACKAGES = ("torch", "timm", "diffusers", "onnx", "onnxruntime-gpu", "onnxruntime", "openvino", "tensorrt")


def run(options: argparse.Namespace) -> int:
    """Prints the report; 1 if eager or ort, which every table needs, cannot run."""
    console = Console()
    reasons = {name: plugins.load(SESSIONS, name).available() for name in plugins.names(SESSIONS)}
    table = Table("session", "here", "computes with, or why not", title="Sessions", title_justify="left")
    for name, why in reasons.items():
        table.add_row(name, "no" if why else "yes", why or _computes(name))
    console.print(table)
    facts = Table("this machine", "", title="Machine", title_justify="left")
    for label, value in _facts().items():
        facts.add_row(label, value)
    console.print(facts)
    return 1 if reasons.get("eager") or reasons.get("ort") else 0


def _computes(session: str) -> str:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if session == "ort":
        return _provider(device)
    if session == "openvino":
        return f"OpenVINO {_version('openvino')} on cpu, {cores()} threads"
    if session == "trt":
        return f"TensorRT {_version('tensorrt')} on {device}"
    return f"torch {torch.__version__} on {device}, {cores()} threads" + (", Inductor" if session == "compiled" else "")


def _provider(device: str) -> str:
    """The provider that holds the nodes of a one-node model: what is compiled in says nothing about what can start."""
    from onnx import TensorProto, helper

    from runtime.sessions.ort import probe

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "probe", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return probe(model.SerializeToString(), device)


def _facts() -> dict[str, str]:
    flags, folder = ability.flags(), artifact.cache()
    has = [label for flag, label in ability.INSTRUCTIONS.items() if flag in flags]
    doubts = [doubt for precision in PRECISIONS if (doubt := ability.doubt(precision, torch.device("cpu")))]
    return {
        "processor": f"{cpu_name()}, {cores()} cores",
        "instructions": ", ".join(has) or "none known",
        "precisions": "; ".join(doubts) or f"{', '.join(PRECISIONS)} at home",
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
