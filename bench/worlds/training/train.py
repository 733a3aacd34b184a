"""`fvit train`: the embedded world's networks, from a seed. Killed and started again it goes on from its last state.

The pictures, noise and learning rate of a step depend on the step's number alone, so a resumed training sees what an unbroken one would.
"""

import functools
import math
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from timm.optim import create_optimizer_v2
from torch import nn
from torch.utils.data import DataLoader, Dataset

from bench.records.campaign import COLUMNS
from bench.records.clock import now
from bench.worlds.data.digits import Batch
from bench.worlds.training import card as cards
from bench.worlds.training import recipes
from bench.worlds.training.recipes import Recipe
from bench.worlds.training.state import State, TrainingPoint
from runtime import artifact
from runtime.errors import FvitError

KEPT_EVERY = 60.0  # seconds between two states on disk
POINTS = 30  # of the curve
NEEDED: dict[str, tuple[str, ...]] = dict.fromkeys(("vit", "deit", "swin"), ("teacher",))
ORDER = ("denoiser", "teacher", "vit", "deit", "swin")
WORKERS = 1  # processes that make pictures while the network learns
WARM, LAST = 0.05, 0.01  # share of the steps in which the rate rises; its end, as a share of its peak


def train(names: tuple[str, ...], minutes: float | None, console: Console, weights: Path | None = None) -> bool:
    """Trains `names` in turn, what they need first, and writes weights and cards of those that end. True when all have ended."""
    until = math.inf if minutes is None else now() + 60 * minutes
    for name in dict.fromkeys(part for network in names for part in (*NEEDED.get(network, ()), network)):
        recipe = recipes.build(teacher)[name]
        state = State.at(folder() / name, recipe)
        module = _fit(name, recipe, state, until, console)
        if state.step < recipe.steps:
            console.print(f"{name}: stopped at step {state.step} of {recipe.steps}; the same command goes on from there", highlight=False)
            return False
        if name != "teacher":
            written = cards.write(name, module, recipe, state, weights)
            console.print(f"{name}: {written}  {_listed(state.curve[-1].score)}", highlight=False, soft_wrap=True)
    return True


def folder() -> Path:
    """Where the states lie while a training is under way."""
    return artifact.cache() / "train"


@functools.cache
def teacher() -> nn.Module:
    """The finished teacher."""
    recipe = recipes.build(teacher)["teacher"]
    return State.at(folder() / "teacher", recipe).averaged(recipe.module()).eval()


class StepPictures(Dataset):
    """The training pictures of each step, made in a separate process where there is one."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe

    def __getitem__(self, step: int) -> Batch:
        return recipes.pictures(self.recipe, step)


def _fit(name: str, recipe: Recipe, state: State, until: float, console: Console) -> nn.Module:
    """Steps until the recipe's end or `until`; the state is on the disk at the end and every minute."""
    torch.manual_seed(recipe.seed)
    module = recipe.module()
    optimizer = create_optimizer_v2(module, opt="adamw", lr=recipe.rate, weight_decay=recipe.decay, betas=(0.9, 0.98))
    state.restore(module, optimizer)
    steps = range(state.step, recipe.steps)
    loader = DataLoader(StepPictures(recipe), batch_size=None, sampler=steps, num_workers=WORKERS, prefetch_factor=4 * WORKERS or None)  # type: ignore[arg-type]
    kept = now()
    with Progress(*COLUMNS, console=console, transient=True) as progress:
        bar = progress.add_task(name, total=recipe.steps, completed=state.step)
        for step, batch in zip(steps, loader, strict=True):
            start = now()
            loss = _step(module, optimizer, recipe, batch, step)
            state.follow(module, recipe.ema, now() - start)
            scored = state.step % -(-recipe.steps // POINTS) == 0 or state.step == recipe.steps
            if scored:
                state.curve.append(TrainingPoint(state.step, loss, state.minutes, recipe.score(state.averaged(recipe.module()).eval())))
                console.print(f"{name} {state.step}/{recipe.steps}: {_listed(state.curve[-1].score)}", highlight=False)
            progress.update(bar, completed=state.step, description=f"{name} step {state.step}, loss {loss:.3f}")
            if scored or now() - kept > KEPT_EVERY or now() > until:
                state.save(module, optimizer)
                kept = now()
            if now() > until:
                break
    return state.averaged(recipe.module())


def _step(module: nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe, batch: Batch, step: int) -> float:
    """One step in bf16; FvitError on a loss or gradient that is not finite, before the optimizer's step."""
    module.train()
    for group in optimizer.param_groups:
        group["lr"] = rate(recipe, step)
    with torch.autocast("cpu", torch.bfloat16):
        loss = recipe.loss(module, batch, step)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(module.parameters(), 1.0)
    if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
        raise FvitError(f"the loss is {loss.item()} at step {step} (rate {rate(recipe, step):.2g}); the last state is kept; lower the rate")
    optimizer.step()
    return loss.item()


def rate(recipe: Recipe, step: int) -> float:
    """One cycle: a straight rise, then half a cosine down."""
    done = (step + 1) / recipe.steps
    if done < WARM:
        return recipe.rate * done / WARM
    return recipe.rate * (LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * (done - WARM) / (1 - WARM))))


def _listed(score: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in score.items())
