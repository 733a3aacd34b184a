"""What adaptive draws save: each picture's votes drawn once, 10,000 of them, and both ways of deciding replayed on the same votes.

`python -m bench.studies.certify.replay` asks of each picture "is the label's radius at least r?", once after all draws (Clopper and
Pearson) and once at each look (`runtime.certificates.sequential`), and says how many draws the second needed and where the answers differ.
Nothing but labels is drawn.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from bench.pages.page import table
from bench.records import machine
from bench.records import rows as records
from bench.records.clock import cores, fixed_threads
from bench.records.rows import Rows
from bench.records.stats import median_interval
from bench.worlds.data import digits as embedded
from bench.worlds.workbench import Workbench
from bench.worlds.world import NOISE, WorldOptions, build
from runtime.certificates import certify, sequential
from runtime.certificates.certify import Claim
from runtime.certificates.sequential import Question
from runtime.diffusion import schedule
from runtime.smooth import Plan, fused, smooth

RADII = (0.5, 1.0)  # asked for, in sigmas
ALPHA, SELECTION, BATCH = 0.001, 20, 10


def draw(rows: Rows, pictures: int, draws: int, console: Console) -> list[dict]:
    """A row a picture: the votes so far at every look; what is missing is drawn."""
    world = build(WorldOptions())
    level = schedule.level(world.denoiser.schedule, NOISE / 255, "cumulative")
    wanted = {"table": "replay", "pictures": pictures, "draws": draws, "sigma": level.sigma, "fingerprints": world.fingerprints()}
    before = rows.read()
    name = records.campaign(before, wanted)
    if not any(row["campaign"] == name for row in before):
        weights = {"backbone": world.backbone.weights, "denoiser": world.denoiser.weights}
        head = {"settings": wanted, "environment": machine.environment(), "weights": weights}
        rows.append({"kind": "campaign", "campaign": name} | head)
    grid = (world.denoiser.size, world.denoiser.size)
    step = fused(Workbench(world, torch.device("cpu")).load("ort", "fp32", "classify_draws").session, level, world.denoiser.schedule)
    done = {row["idx"] for row in before if row["campaign"] == name and row["kind"] == "votes"}
    for index in track([i for i in range(pictures) if i not in done], "drawing", console=console):
        image, parts = embedded.batch("digits", "test", [index]).images, []
        for first, last in pairwise((-SELECTION, 0, *sequential.looks(draws))):
            plan = Plan(level.sigma, last - first, 0, BATCH, grid, first + SELECTION)
            parts.append(smooth(image, [index], plan, step).votes[0])
        so_far = torch.stack(parts[1:]).cumsum(0)
        rows.append({"kind": "votes", "campaign": name, "idx": index, "selection": parts[0].tolist(), "votes": so_far.tolist()})
    return [row for row in rows.read() if row["campaign"] == name]


def replayed(row: dict, looks: tuple[int, ...], radius: float) -> dict:
    """The answers to one question: after all draws, and at the first look that is certain (with the draws up to there)."""
    votes, selection = np.array(row["votes"]), np.array(row["selection"])
    label = certify.label(selection, votes[-1], 1.0, ALPHA)
    question = Question(Claim(1.0, ALPHA, 1, 0.5), radius, looks, tops=False)
    for n, counts in zip(looks, votes, strict=True):
        said = sequential.answer(question, int(counts[selection.argmax()]), n)
        if said is not None:
            return {"fixed": label.radius >= radius, "adaptive": said, "draws": n}
    raise AssertionError("the last look always answers")


def render(rows: list[dict]) -> str:
    """The table, as Markdown."""
    settings, found = rows[0]["settings"], sorted((row for row in rows if row["kind"] == "votes"), key=lambda row: row["idx"])
    looks, lines = sequential.looks(settings["draws"]), []
    for radius in RADII:
        answers = [replayed(row, looks, radius) for row in found]
        used = [answer["draws"] for answer in answers]
        median, low, high = median_interval(used)
        differ = [row["idx"] for row, answer in zip(found, answers, strict=True) if answer["fixed"] != answer["adaptive"]]
        lines.append([
            f"{radius:g} sigma", len(found), f"{sum(a['fixed'] for a in answers)} / {sum(a['adaptive'] for a in answers)}",
            f"{len(differ)}" + (f" (pictures {', '.join(map(str, differ))})" if differ else ""),
            f"{median:.0f} [{low:.0f}, {high:.0f}]", f"{sum(used) / len(used):.0f}", f"{sum(used) / (len(used) * looks[-1]):.3f}",
        ])  # fmt: skip
    names = [
        "radius asked for",
        "pictures",
        "yes: fixed / adaptive",
        "answers that differ",
        "median draws",
        "mean draws",
        "of the fixed draws",
    ]
    return table(names, lines)


def main() -> None:
    """Draws what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=30)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--results", type=Path, default=Path("results"))
    options = parser.parse_args()
    with fixed_threads(cores()):
        rows = draw(Rows(options.results / f"embedded-{machine.machine()}"), options.pictures, options.draws, Console())
    print(render(rows))


if __name__ == "__main__":
    main()
