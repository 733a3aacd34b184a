"""What adaptive draws save: each picture's votes drawn once, 10,000 of them, and both ways of deciding replayed on the same votes.

`python -m bench.studies.certify.replay` asks of each picture "is the label's radius at least r?", once after all draws (Clopper and
Pearson) and once at each look (`runtime.certificates.sequential`), and says how many draws the second needed and where the answers differ.
Nothing but labels is drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cyclopts
import numpy as np
import torch
from rich.console import Console

from bench.pages.page import table
from bench.records.campaign import Campaign, Plan, head_of, select
from bench.records.clock import settled
from bench.records.machine import folder_name
from bench.records.rows import AnyRow, Failed, Replayed
from bench.records.stats import median
from bench.records.store import Store
from bench.worlds import world as worlds
from bench.worlds.defence import BATCH, Defence, chain
from bench.worlds.workbench import Engine, Workbench
from runtime.certificates import certify, sequential
from runtime.certificates.certify import Claim
from runtime.certificates.sequential import Question
from runtime.chain import Chain, Draws
from runtime.diffusion import schedule

STUDY, TASK = "replay", "digits"
RADII = (0.5, 1.0)  # asked for, in units of the noise
ALPHA, SELECTION = 0.001, 20


@dataclass(frozen=True)
class Drawing:
    """How many pictures, and draws of each after the selection draws."""

    pictures: int = 30
    draws: int = 10_000

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> "Drawing":
        """From a campaign's first row."""
        return cls(facts["pictures"], facts["draws"])


@dataclass(frozen=True)
class Decided:
    """The answers to one question: after all draws, and at the first look that is certain, with the draws up to there."""

    fixed: bool
    adaptive: bool
    draws: int


def draw(drawing: Drawing, store: Store, console: Console) -> list[AnyRow]:
    """One row per picture: the votes so far at every look; what is missing is drawn."""
    world = worlds.open("embedded")
    bench = Workbench(world)
    defence = Defence("dds", schedule.level(bench.denoiser.schedule, world.noise, "cumulative"))
    defended = chain(bench, defence, Engine())
    head = {"weights": bench.weights(), "facts": {"sigma": defended.level.sigma}}
    plan = Plan(STUDY, asdict(drawing) | {"given": world.facts()}, lambda: head)

    def replayed(campaign: str, number: int) -> Replayed:
        images = world.pictures(TASK, "test", [number], bench.backbone).images
        selection, *parts = _votes(defended, images, number, drawing.draws)
        so_far = torch.stack(parts).cumsum(0)
        return Replayed(campaign=campaign, key=f"picture {number}", picture=number, selection=selection.tolist(), votes=so_far.tolist())

    with Campaign(store, plan, console) as campaign:
        for number in campaign.each(range(drawing.pictures), lambda n: f"picture {n}", lambda n: f"drawing of picture {n}"):
            campaign.measure(f"picture {number}", lambda n=number: replayed(campaign.name, n), {"picture": number})
    return select(store.read(), campaign.name)


def _votes(defended: Chain, images: torch.Tensor, number: int, draws: int) -> list[torch.Tensor]:
    """Votes (K,) of the selection draws, and of the draws between one look and the next."""
    parts = pairwise((0, SELECTION, *(SELECTION + look for look in sequential.looks(draws))))
    return [defended(images, [number], Draws(last - first, first, batch=BATCH)).votes[0] for first, last in parts]


def decide(row: Replayed, looks: Sequence[int], radius: float) -> Decided:
    """Whether the label's radius is at least `radius` times the noise."""
    votes, selection = np.array(row.votes), np.array(row.selection)
    label = certify.label(selection, votes[-1], 1.0, ALPHA)
    question = Question(Claim(1.0, ALPHA, 1, 0.5), radius, tuple(looks), tops=False)
    for n, counts in zip(looks, votes, strict=True):
        answer = sequential.answer(question, int(counts[selection.argmax()]), n)
        if answer is not None:
            return Decided(label.radius >= radius, answer, n)
    raise AssertionError("the last look always answers")


def render(rows: Sequence[AnyRow]) -> str:
    """The table, as Markdown, and what failed."""
    drawn = sorted((row for row in rows if isinstance(row, Replayed)), key=lambda row: row.picture)
    looks, lines = sequential.looks(Drawing.read(head_of(rows).settings).draws), []
    for radius in RADII if drawn else ():
        answers = [decide(row, looks, radius) for row in drawn]
        used = [answer.draws for answer in answers]
        middle = median(used)
        differ = [row.picture for row, answer in zip(drawn, answers, strict=True) if answer.fixed != answer.adaptive]
        lines.append([
            f"{radius:g} sigma", len(drawn), f"{sum(a.fixed for a in answers)} / {sum(a.adaptive for a in answers)}",
            f"{len(differ)}" + (f" (pictures {', '.join(map(str, differ))})" if differ else ""),
            f"{middle.value:.0f} [{middle.low:.0f}, {middle.high:.0f}]", f"{sum(used) / len(used):.0f}",
            f"{sum(used) / (len(used) * looks[-1]):.3f}",
        ])  # fmt: skip
    names = ["radius asked for", "pictures", "yes: fixed / adaptive", "answers that differ", "median draws", "mean draws",
             "share of the fixed draws"]  # fmt: skip
    failed = [f"\n{row.key}: {row.missing.why}: {row.missing.reason}\n" for row in rows if isinstance(row, Failed)]
    return table(names, lines) + "".join(failed)


def main(*, pictures: int = 30, draws: int = 10_000, results: Path = Path("results")) -> None:
    """Draws what is missing and prints the table."""
    with settled():
        rows = draw(Drawing(pictures, draws), Store(results / f"embedded-{folder_name()}"), Console())
    print(render(rows))


if __name__ == "__main__":
    cyclopts.run(main)
