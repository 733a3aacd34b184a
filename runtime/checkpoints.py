"""Reads weights from files without running code that a file contains."""

import hashlib
import json
from pathlib import Path
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from runtime.errors import CheckpointError
from runtime.network import Weights

SHOWN = 4  # keys named in a message
SHIPPED = Path(__file__).parent / "weights"


def read(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors` file or of a `.pt`/`.pth`/`.bin` one (a state dict, or one under `model` or `state_dict`).

    Pickles are read with `weights_only=True`: a file that holds anything but tensors is refused, not run.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}; give the path of a .pt or .safetensors file")
    try:
        mapped = is_zipfile(path)  # files of PyTorch before 1.6 are no zip archives and cannot be
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is no complete safetensors file ({error}); fetch it again") from error
    except Exception as error:  # torch.load raises UnpicklingError, RuntimeError, EOFError, ValueError, ... by the kind of damage
        raise CheckpointError(_pickle_trouble(path, error)) from error
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path} holds no dictionary of tensors; a state dict is expected")
    return state


def fill_shipped(module: nn.Module, name: str, folder: Path = SHIPPED) -> Weights:
    """Loads the trained weights of `name` that ship with the suite and describes them; refused if the hash differs from the one on their card."""
    path = folder / f"{name}.safetensors"
    try:
        card = json.loads(path.with_suffix(".json").read_text())
        expected, digest = card["sha256"], hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{Path(error.filename).name} is missing from {folder}; install again, or train it", needs="training"
        ) from None
    except (json.JSONDecodeError, KeyError, TypeError):
        raise CheckpointError(f"{path.with_suffix('.json')} is damaged; install again, or train it", needs="training") from None
    if digest != expected:
        raise CheckpointError(f"{path} was altered or truncated: its hash is not the one on its card; install again")
    fill(module, read(path), str(path))
    return Weights("shipped", f"trained, {digest[:12]}", digest)


def fill(module: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Loads `state` into `module`, all keys and all shapes; else names the first that differ. Parameters keep their dtype."""
    wanted = module.state_dict()
    missing, extra = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    shapes = [
        f"{key} {tuple(state[key].shape)} for {tuple(wanted[key].shape)}"
        for key in wanted.keys() & state.keys()
        if state[key].shape != wanted[key].shape
    ]
    if missing or extra or shapes:
        parts = [("lacks", missing), ("has besides", extra), ("has other shapes:", sorted(shapes))]
        differences = "; ".join(f"{word} {', '.join(keys[:SHOWN])}{_more(keys)}" for word, keys in parts if keys)
        raise CheckpointError(f"{source} is of another architecture: it {differences}; give the checkpoint of this network")
    bad = [key for key, value in state.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    if bad:
        raise CheckpointError(f"{source} holds NaN or infinity in {', '.join(bad[:SHOWN])}{_more(bad)}; fetch or train it again")
    module.load_state_dict(state, strict=True)


def of_file(path: str | Path) -> Weights:
    """The weights in the user's file `path`."""
    path = Path(path)
    with path.open("rb") as stream:
        return Weights("file", f"file {path.name}", hashlib.file_digest(stream, "sha256").hexdigest())


def fingerprint(module: nn.Module) -> str:
    """SHA-256 over the names and bytes of a module's state, in sorted order."""
    digest = hashlib.sha256()
    for key, value in sorted(module.state_dict().items()):
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _more(keys: list[str]) -> str:
    return f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""


def _pickle_trouble(path: Path, error: Exception) -> str:
    text = str(error)
    if "weights_only" in text or "Unsupported" in text or "GLOBAL" in text:
        return f"{path} carries pickled code, which is never run; convert it to safetensors where you trust it"
    return f"{path} is truncated or no checkpoint ({type(error).__name__}); fetch it again"
