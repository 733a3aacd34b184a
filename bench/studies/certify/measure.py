"""Certificates of pictures of the embedded world: draws, statistics, a row a picture, on the disk before the next is begun.

Selection draws choose the label, which is also the class that the estimation draws' maps explain; the estimation draws bound both.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from scipy.stats import norm
from torch import Tensor

from bench.attacks import eot_pgd
from bench.attacks._budget import Budget
from bench.attacks._target import Defence, Target, classifier
from bench.records import machine
from bench.records import rows as records
from bench.records.clock import now
from bench.records.rows import Rows
from bench.worlds.data import digits as embedded
from bench.worlds.workbench import Workbench
from bench.worlds.world import WorldOptions, build
from runtime.certificates import certify, sequential
from runtime.certificates.certify import Claim, Label, Top
from runtime.certificates.sequential import Question
from runtime.diffusion import denoise
from runtime.diffusion import schedule as schedules
from runtime.errors import FvitError
from runtime.fuse import Fused, merged
from runtime.maps import explain
from runtime.smooth import Explained, Plan, fused, smooth

BATCH = 10  # execution batch, always full
CAP = 8.0  # a cell of a draw's map holds at most so many times its even share
FACTORS, STEPS, SAMPLES, VOTES, ATTACKED = (1.5, 2.0), 10, 8, 100, 20  # the attacks beyond the radius, their votes and pictures


@dataclass(frozen=True)
class Settings:
    """What is certified: `sigma` the real noise of 255; `radius` (in sigmas) is what adaptive draws ask for, None: `draws` for each picture."""

    backbone: str = "vit_embedded"
    task: str = "digits"
    images: int = 100
    sigma: float = 64.0
    alpha: float = 0.001
    k: int = 8
    beta: float = 0.5
    explainer: str = "vta"
    session: str = "ort"
    selection: int = 20
    draws: int = 500
    radius: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Drawn:
    """The estimation draws of one picture so far."""

    votes: Tensor
    mean: Fused | None
    share: Fused | None
    draws: int


def table(radius: float | None) -> str:
    """What a campaign's rows are named by: the fixed and the adaptive draws have a page each."""
    return "certify" if radius is None else "certify-adaptive"


class Certifier:
    """The networks of one campaign, and its rows."""

    def __init__(self, rows: Rows, settings: Settings, console: Console, fresh: bool = False):
        self.rows, self.settings, self.console = rows, settings, console
        say: Callable[[str], None] = lambda line: console.print(f"[dim]{line}[/dim]", highlight=False)  # noqa: E731
        self.bench = Workbench(build(WorldOptions(backbone=settings.backbone)), torch.device("cpu"), say)
        world = self.bench.world
        self.level = schedules.level(world.denoiser.schedule, settings.sigma / 255, "cumulative")
        session = self.bench.load(settings.session, "fp32", "classify_draws").session
        self.step = fused(session, self.level, world.denoiser.schedule)
        self.explainer = explain.build(settings.explainer, world.backbone)
        self.claim = Claim(self.level.sigma, settings.alpha, settings.k, settings.beta)
        picture = torch.zeros(1, 3, world.backbone.size, world.backbone.size)
        self.tokens = self.explainer(picture, torch.zeros(1, dtype=torch.int64))[0].numel()
        if settings.k >= self.tokens:
            raise FvitError(f"k {settings.k} came; {settings.explainer} of {settings.backbone} has {self.tokens} cells, fewer are wanted")
        self.cap = min(1.0, CAP / self.tokens)  # the most that a cell of one draw's map may hold before what is cut is spread
        self.span = self.cap + (1.0 - self.cap) / self.tokens  # and after
        wanted = asdict(settings) | {
            "table": table(settings.radius),
            "real_sigma": self.level.sigma * 255,
            "fingerprints": world.fingerprints(),
        }
        before = [] if fresh else rows.read()
        self.name = records.campaign(before, wanted)
        if not any(row["campaign"] == self.name for row in before):
            weights = {"backbone": world.backbone.weights, "denoiser": world.denoiser.weights}
            self.note("campaign", {"settings": wanted, "environment": machine.environment(), "weights": weights})

    def note(self, kind: str, row: dict) -> None:
        self.rows.append({"kind": kind, "campaign": self.name} | row)

    def mine(self, kind: str) -> list[dict]:
        return [row for row in self.rows.read() if row["campaign"] == self.name and row["kind"] == kind]

    def all(self) -> list[dict]:
        """Certifies what is missing, then attacks beyond the radii; the campaign's rows."""
        done = {row["idx"] for row in self.mine("certificate")}
        self._each("certifying", [i for i in range(self.settings.images) if i not in done], self._certify)
        found = [row for row in self.mine("certificate") if row["predict"] == row["label"] and row["radius"] > 0]
        tried = {(row["idx"], row["factor"]) for row in self.mine("beyond")}
        todo = [(row, factor) for row in found[:ATTACKED] for factor in FACTORS if (row["idx"], factor) not in tried]
        self._each("attacking beyond the radius", todo, lambda pair: self._beyond(*pair))
        return [row for row in self.rows.read() if row["campaign"] == self.name]

    def _each(self, what: str, items: list, one: Callable) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            bar = progress.add_task(what, total=len(items))
            for item in items:
                one(item)
                progress.advance(bar)

    def _certify(self, index: int) -> None:
        """One picture's row: what was measured (votes, moments of the map) and its certificates."""
        start, settings = now(), self.settings
        sample = embedded.batch(settings.task, "test", [index])
        selection = self._draw(sample.images, index, 0, settings.selection, None).votes
        chosen = selection.argmax(1)
        drawn, said = self._estimate(sample.images, index, chosen)
        assert drawn.mean is not None and drawn.share is not None and drawn.mean.squares is not None
        label = certify.label(selection[0].numpy(), drawn.votes[0].numpy(), self.claim.sigma, settings.alpha / 2)
        top = certify.top(drawn.mean, 0, replace(self.claim, alpha=settings.alpha / 2), self.span)
        if settings.radius is not None:  # draws that stopped by themselves support what was asked and nothing finer
            reach = settings.radius * self.claim.sigma if said else 0.0
            share = float(norm.cdf(settings.radius)) if said else 0.0
            label, top = Label(int(chosen[0]) if said else certify.ABSTAIN, share, reach, reach), Top(top.cells, reach)
        mean = drawn.mean.maps[0].flatten().numpy()
        hits = (drawn.share.maps[0].flatten() * drawn.draws).round().long()
        self.note("certificate", {
            "idx": index, "label": int(sample.labels[0]), "predict": label.label, "radius": label.radius, "share": label.share,
            "renyi": label.renyi, "topk_radius": top.radius, "cells": list(top.cells), "draws": drawn.draws, "said": said,
            "paper_p": certify.paper_label(drawn.votes[0].numpy(), self.claim.sigma), "paper_q": certify.paper_top(mean, self.claim),
            "selection": selection[0].tolist(), "votes": drawn.votes[0].tolist(), "empty": int(drawn.mean.empty[0]),
            "mean": [round(value, 7) for value in mean.tolist()], "hits": hits.tolist(),
            "squares": [round(value, 9) for value in drawn.mean.squares[0].flatten().tolist()], "seconds": round(now() - start, 3),
        })  # fmt: skip

    def _estimate(self, images: Tensor, index: int, chosen: Tensor) -> tuple[Drawn, bool | None]:
        """All draws at once, or look by look until the question is answered."""
        settings = self.settings
        if settings.radius is None:
            return self._draw(images, index, settings.selection, settings.draws, chosen), None
        drawn, said = Drawn(torch.zeros(1, 1), None, None, 0), None
        looks = sequential.looks(settings.draws)
        for look in looks:
            more = self._draw(images, index, settings.selection + drawn.draws, look - drawn.draws, chosen)
            assert more.mean is not None and more.share is not None
            votes = drawn.votes + more.votes if drawn.draws else more.votes
            drawn = Drawn(votes, merged(drawn.mean, more.mean), merged(drawn.share, more.share), look)
            assert drawn.mean is not None
            question = Question(self.claim, settings.radius * self.claim.sigma, looks, span=self.span)
            said = sequential.answer(question, int(drawn.votes[0, int(chosen[0])]), look, drawn.mean)
            if said is not None:
                break
        return drawn, said

    def _draw(self, images: Tensor, index: int, first: int, draws: int, chosen: Tensor | None) -> Drawn:
        size, name = self.bench.world.denoiser.size, self.settings.explainer
        plan = Plan(self.claim.sigma, draws, self.settings.seed, BATCH, (size, size), first)
        asked = None
        if chosen is not None:
            asked = Explained({name: self.explainer}, chosen, ("mean", "top_share"), self.cap)
        found = smooth(images, [index], plan, self.step, asked)
        return Drawn(found.votes, found.maps.get((name, "mean")), found.maps.get((name, "top_share")), draws)

    def _beyond(self, row: dict, factor: float) -> None:
        """PGD through the smoothed classifier in an l2 ball of `factor` times the certified radius: does the vote change?"""
        world, index = self.bench.world, row["idx"]
        sample, side = embedded.batch(self.settings.task, "test", [index]), world.denoiser.size
        reach = factor * row["radius"]
        sees = denoise.one_shot(world.denoiser.model, world.denoiser.schedule)
        target = Target(classifier(world.backbone.model), Defence(sees, self.claim.sigma, (side, side), world.backbone.size, SAMPLES))
        attack = eot_pgd.build(target, Budget("l2", reach, 2.5 * reach / STEPS, STEPS, random_start=True, seed=1))
        moved = attack(sample.images, sample.labels, [index])
        votes = self._draw(moved, index, 0, VOTES, None).votes[0]
        self.note(
            "beyond",
            {"idx": index, "factor": factor, "reach": reach, "votes": votes.tolist(), "broken": int(votes.argmax()) != row["label"]},
        )
