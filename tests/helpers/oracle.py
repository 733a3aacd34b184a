"""The public implementations' recorded outputs: from FVIT_ORACLES, by default the sharpest cases, which ship in tests/oracles.

Every folder there has a README that names project, commit, call and tolerance.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

FOLDER = Path(os.environ.get("FVIT_ORACLES", Path(__file__).parents[1] / "oracles"))


def need(name: str) -> Path:
    """The file `name` of the oracles; the test is skipped, with the reason, where only the shipped ones are."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"oracle {name} is not in {FOLDER}; set FVIT_ORACLES to the whole collection")
    return path


def arrays(name: str) -> dict[str, np.ndarray]:
    with np.load(need(name), allow_pickle=False) as file:
        return dict(file)


def tensors(name: str) -> dict[str, Tensor]:
    return {key: torch.from_numpy(np.asarray(value)) for key, value in arrays(name).items()}


def weights(name: str) -> dict[str, Tensor]:
    """The state dict `name`: from a safetensors file, or made from its recipe, each tensor checked by its hash."""
    recipe = FOLDER / f"{name}.recipe.json"
    if not recipe.is_file():
        return load_file(need(f"{name}.safetensors"))
    return {key: _made(key, **facts) for key, facts in json.loads(recipe.read_text())["tensors"].items()}


def _made(key: str, shape: list[int], seed: int, scale: float, offset: float, sha256: str) -> Tensor:
    whole = np.random.RandomState(seed).randint(-32768, 32768, size=shape, dtype=np.int32)
    value = whole.astype(np.float32) / np.float32(32768) * np.float32(scale) + np.float32(offset)
    assert hashlib.sha256(value.tobytes()).hexdigest() == sha256, f"{key} is not what its recipe describes"
    return torch.from_numpy(value)
