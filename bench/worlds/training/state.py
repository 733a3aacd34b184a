"""Where a training stands: weights, their running mean, the optimizer's moments, the curve; one safetensors file, replaced whole."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from bench.worlds.training.recipes import Recipe
from runtime.errors import CheckpointError, FvitError
from runtime.files import replaced


@dataclass(frozen=True)
class TrainingPoint:
    """One point of the curve: the last loss, minutes spent so far, the running mean's score on the validation split."""

    step: int
    loss: float
    minutes: float
    score: dict[str, float]


@dataclass
class State:
    """`step` steps are done and took `seconds` of computing; `mean` is the running mean of the weights."""

    path: Path
    facts: dict
    step: int = 0
    seconds: float = 0.0
    curve: list[TrainingPoint] = field(default_factory=list)
    mean: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def at(cls, stem: Path, recipe: Recipe) -> "State":
        """The state on disk, else a new one; a damaged one and one of another recipe are refused."""
        state = cls(stem.with_suffix(".safetensors"), recipe.facts())
        if not state.path.is_file():
            return state
        try:
            with safe_open(state.path, "pt") as file:
                header = json.loads(file.metadata()["state"])
                state.mean = {key.removeprefix("mean."): file.get_tensor(key) for key in list(file.keys()) if key.startswith("mean.")}
        except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise CheckpointError(f"{state.path} is no complete training state ({error}); delete it to start again") from error
        if header["facts"] != state.facts:
            raise FvitError(f"{state.path} is of another recipe ({header['facts']}), {state.facts} is expected; delete it to start again")
        state.step, state.seconds = header["step"], header["seconds"]
        state.curve = [TrainingPoint(**point) for point in header["curve"]]
        return state

    @property
    def minutes(self) -> float:
        return self.seconds / 60

    def restore(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Puts the saved weights and moments back; a new state begins its mean with the module's first weights."""
        if not self.step:
            self.mean = {key: value.detach().clone() for key, value in module.state_dict().items()}
            return
        with safe_open(self.path, "pt") as file:
            saved = {key: file.get_tensor(key) for key in list(file.keys())}
        module.load_state_dict({key.removeprefix("model."): value for key, value in saved.items() if key.startswith("model.")})
        moments = optimizer.state_dict()
        for key, value in saved.items():
            if key.startswith("adam."):
                _, index, name = key.split(".")
                moments["state"].setdefault(int(index), {})[name] = value
        optimizer.load_state_dict(moments)

    def follow(self, module: nn.Module, decay: float, seconds: float) -> None:
        """One step more: the mean moves to the weights, faster at the beginning; whole numbers are copied."""
        self.step, self.seconds = self.step + 1, self.seconds + seconds
        share = 1.0 - min(decay, (1 + self.step) / (10 + self.step))
        for key, value in module.state_dict().items():
            if value.is_floating_point():
                self.mean[key].lerp_(value.detach(), share)
            else:
                self.mean[key].copy_(value)

    def averaged(self, module: nn.Module) -> nn.Module:
        """`module` with the running mean as its weights."""
        if not self.mean:
            raise FvitError(f"nothing was trained at {self.path}; train it first")
        module.load_state_dict(self.mean)
        return module

    def save(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """A kill leaves the old state or the new one."""
        tensors = {f"model.{key}": value for key, value in module.state_dict().items()}
        tensors |= {f"mean.{key}": value for key, value in self.mean.items()}
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
        header = {"facts": self.facts, "step": self.step, "seconds": self.seconds, "curve": [asdict(point) for point in self.curve]}
        try:
            with replaced(self.path) as temporary:
                save_file({key: value.detach().contiguous() for key, value in tensors.items()}, temporary, {"state": json.dumps(header)})
        except (OSError, SafetensorError) as error:
            raise FvitError(f"cannot write {self.path} ({error}); the state before is kept; free some space or set FVIT_CACHE") from error
