"""What ships of a finished training: the averaged weights in fp16, a card that says how they came about, and the curve as a picture."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from matplotlib.figure import Figure
from safetensors.torch import save_file
from torch import nn

from bench.records import machine
from bench.worlds.data import digits as embedded
from bench.worlds.training.recipes import Recipe
from bench.worlds.training.state import State, TrainingPoint
from runtime import checkpoints
from runtime.artifact import sha256
from runtime.errors import FvitError
from runtime.files import replaced
from runtime.provenance import commit

NAMES = {"denoiser": "unet_embedded"}


def write(name: str, module: nn.Module, recipe: Recipe, state: State, folder: Path | None = None) -> Path:
    """`<network>.safetensors`, `.json` and `.png` in `folder`, by default where the runtime looks for them; returns the first."""
    path = (folder or checkpoints.SHIPPED) / f"{NAMES.get(name, f'{name}_embedded')}.safetensors"
    module = getattr(module, "shipped", module)
    half = {key: (value.half() if value.is_floating_point() else value).contiguous() for key, value in module.state_dict().items()}
    module.load_state_dict(half)
    try:
        with replaced(path) as temporary:
            save_file(half, temporary)
        card = {
            "network": path.stem,
            "parameters": sum(p.numel() for p in module.parameters()),
            "recipe": recipe.facts(),
            "data": {"seed": embedded.SEED, "tasks": embedded.TASKS, "split": "train", "photographs": embedded.SPLITS["train"].photographs,
                     "writing": embedded.SPLITS["train"].writing},
            "validation": recipe.score(module.eval()),
            "minutes": round(state.minutes, 1),
            "commit": commit(),
            "machine": {"cpu": machine.cpu_name(), "threads": torch.get_num_threads()},
            "versions": {name: version for name, version in machine.environment()["versions"].items() if name in ("torch", "timm", "diffusers")},
            "sha256": sha256(path),
            "curve": [asdict(point) for point in state.curve],
        }  # fmt: skip
        with replaced(path.with_suffix(".json")) as temporary:
            temporary.write_text(json.dumps(card, indent=1) + "\n")
        curve(path.stem, state.curve, path.with_suffix(".png"))
    except OSError as error:
        raise FvitError(
            f"cannot write {path} ({error.strerror}); the training's state is kept; free some space and run it again"
        ) from error
    return path


def curve(name: str, points: list[TrainingPoint], path: Path) -> None:
    """Scores on the validation split against minutes of training."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for key in points[0].score:
        axes.plot([p.minutes for p in points], [p.score[key] for p in points], marker=".", label=key)
    loss = axes.twinx()
    loss.plot([p.minutes for p in points], [p.loss for p in points], color="grey", alpha=0.4)
    loss.set_ylabel("loss of a batch (grey)")
    unit = "PSNR gain, dB" if "gain" in next(iter(points[0].score)) else "accuracy"
    axes.set(xlabel="minutes of training", ylabel=f"{unit}, validation split", title=name)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=90)
