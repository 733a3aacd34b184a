"""Measures the cells of `fvit world`, a row each, on the disk before the next is begun; started again it goes on where it stopped."""

import argparse
from collections.abc import Callable
from dataclasses import asdict

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from bench.attacks._budget import Budget
from bench.metrics.pixel_accuracy import pixel_accuracy
from bench.metrics.psnr import gain
from bench.records import machine
from bench.records import rows as records
from bench.records.clock import now
from bench.records.rows import Rows
from bench.studies.world import cells as plan
from bench.studies.world.cells import Cell
from bench.worlds import attack as attacked
from bench.worlds import defence as defences
from bench.worlds.data import digits as embedded
from bench.worlds.defence import Defence
from bench.worlds.workbench import Workbench
from bench.worlds.world import WorldOptions, build
from runtime.diffusion import schedule as schedules
from runtime.diffusion.schedule import NoiseLevel
from runtime.maps import explain

GAINS = (8, 16, 32, 64)  # of 255
MAPPED = 50  # pictures explained at once


def measure(rows: Rows, options: argparse.Namespace, console: Console) -> str:
    """Measures what is missing and returns the campaign's name."""
    board = Board(rows, options, console)
    images = options.images
    board.all(plan.choice(images), "choosing the noise on the validation split")
    at = plan.level(options.sigma) if options.sigma else plan.chosen(board.accuracies(), images)
    if not board.mine("chosen"):
        board.note("chosen", {"t": at.t, "sigma": at.sigma * 255, "by": "--sigma" if options.sigma else "validation split"})
    board.gains()
    board.maps()
    board.all(plan.everything(images, at), "test split")
    return board.name


class Board:
    """One campaign's rows and the networks they need; each backbone's bench is made when its first cell comes."""

    def __init__(self, rows: Rows, options: argparse.Namespace, console: Console):
        self.rows, self.console, self.images = rows, console, options.images
        self.benches: dict[str, Workbench] = {}
        self.pictures: dict[tuple, Tensor] = {}
        wanted = {"table": "world", "images": options.images, "sigma": options.sigma, "weights": self._weights()}
        before = [] if options.fresh else rows.read()
        self.name = records.campaign(before, wanted)
        if not any(row["campaign"] == self.name for row in before):
            self.note("campaign", {"settings": wanted, "environment": machine.environment()})

    def note(self, kind: str, row: dict) -> None:
        self.rows.append({"kind": kind, "campaign": self.name} | row)

    def mine(self, kind: str) -> list[dict]:
        return [row for row in self.rows.read() if row["campaign"] == self.name and row["kind"] == kind]

    def accuracies(self) -> dict[str, float]:
        """Accuracy by the key of a cell."""
        return {row["key"]: row["hits"] / row["n"] for row in self.mine("accuracy")}

    def all(self, cells: list[Cell], what: str) -> None:
        done = self.accuracies()
        todo = [cell for cell in cells if cell.key not in done]
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            bar = progress.add_task(what, total=len(todo))
            for cell in todo:
                progress.update(bar, description=f"{cell.backbone} {cell.task}: {cell.attack}, {cell.defence} at {cell.sigma:.0f}/255")
                self._one(cell)
                progress.advance(bar)

    def _one(self, cell: Cell) -> None:
        start = now()
        batch = embedded.batch(cell.task, cell.split, range(cell.images))
        images = self._attacked(cell, batch)
        found = defences.labels(self._bench(cell.backbone), images, range(cell.images), _defence(cell))
        right = found == batch.labels
        self.note("accuracy", {
            "key": cell.key, "cell": asdict(cell), "hits": int(right.sum()), "n": cell.images,
            "right": "".join("1" if hit else "0" for hit in right.tolist()), "seconds": round(now() - start, 3),
        })  # fmt: skip

    def _attacked(self, cell: Cell, batch: embedded.Batch) -> Tensor:
        """The pictures as the attacker leaves them; those of the transfer attack are kept, since every defence meets the same ones."""
        if cell.attack == "none":
            return batch.images
        transfer = cell.attack == "pgd"
        key = (cell.backbone, cell.task, cell.split, cell.images) + (() if transfer else (cell.attack, cell.defence))
        if key not in self.pictures:
            budget = Budget("linf", plan.EPS, plan.STEP, plan.STEPS, random_start=True, seed=attacked.SEED)
            name = plan.ADAPTIVE_BY.get(cell.attack, cell.attack)
            attack = attacked.build(name, cell.defence, cell.sigma / 255, self._bench(cell.backbone).world, budget)
            parts = [range(start, min(start + 50, cell.images)) for start in range(0, cell.images, 50)]
            self.pictures[key] = torch.cat([attack(batch.images[list(p)], batch.labels[list(p)], p) for p in parts])
        return self.pictures[key]

    def gains(self) -> None:
        """PSNR gained by the denoiser on the test split, the three tasks together."""
        denoiser, done = self._bench("vit_embedded").world.denoiser, {row["noise"] for row in self.mine("gain")}
        images = torch.cat([embedded.batch(task, "test", range(100)).images for task in embedded.TASKS])
        for noise in (noise for noise in GAINS if noise not in done):
            found = gain(denoiser.model, denoiser.schedule, images, noise / 255)
            self.note("gain", {"noise": noise, "decibel": round(found, 4), "n": len(images)})

    def maps(self) -> None:
        """Pixel accuracy of each explainer's maps of the predicted class against the exact masks: ViT, `digits`, clean, undefended."""
        done, backbone = {row["explainer"] for row in self.mine("map")}, self._bench("vit_embedded").world.backbone
        for spec in (spec for spec in plan.EXPLAINERS if spec not in done):
            explainer, found = explain.build(spec, backbone), []
            for start in range(0, self.images, MAPPED):
                batch = embedded.batch("digits", "test", range(start, min(start + MAPPED, self.images)))
                with torch.inference_mode():
                    classes = backbone.model(batch.images).argmax(1)
                found += pixel_accuracy(explainer(batch.images, classes), (batch.masks == 1).long()).tolist()
            self.note("map", {"explainer": spec, "n": self.images, "scores": [round(score, 4) for score in found]})

    def _bench(self, backbone: str) -> Workbench:
        if backbone not in self.benches:
            say: Callable[[str], None] = lambda line: self.console.print(f"[dim]{line}[/dim]", highlight=False)  # noqa: E731
            self.benches[backbone] = Workbench(build(WorldOptions(backbone=backbone)), torch.device("cpu"), say)
        return self.benches[backbone]

    def _weights(self) -> dict[str, str]:
        found = {name: self._bench(name).world.backbone.weights for name in plan.BACKBONES}
        return found | {"unet_embedded": self._bench(plan.BACKBONES[0]).world.denoiser.weights}


def _defence(cell: Cell) -> Defence:
    if cell.defence == "none":
        return Defence("none")
    sigma = float(schedules.linear().sigmas[cell.t])
    return Defence(cell.defence, NoiseLevel("real", sigma, cell.t, sigma, sigma), cell.draws, cell.seed)
