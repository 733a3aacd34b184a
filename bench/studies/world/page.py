"""`fvit world` as text and plot, from rows alone."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from bench.pages.page import table
from bench.protocols import SIGMAS
from bench.records.stats import mean_interval, wilson
from bench.studies.world import cells as plan
from bench.studies.world.cells import ATTACKS, BACKBONES, DEMANDS, Cell
from runtime.diffusion import schedule as schedules
from runtime.diffusion.schedule import NoiseLevel
from runtime.errors import FvitError

GAINED = {8: 7.0, 16: 9.0, 32: 11.0, 64: 13.0}  # dB asked for at each noise of 255
READING = """## How to read it

- Accuracy of `dds` and `noise`: the majority of 10 draws a picture, one seed. Intervals: Wilson, 95 %.
- `pgd` is the paper's protocol: a transfer attack, made on the undefended classifier and then shown to every defence. It is the weakest kind.
  `adaptive` is the same PGD with the gradient through the defence itself, averaged over 8 draws a step where there is noise; `bpda` takes the
  denoiser's Jacobian for the identity. What a defence is worth is its adaptive row.
- `denoiser` without noise takes the attacker's perturbation for noise, enlarges it to its own step's and subtracts it; under a transfer attack it
  can so lie above the clean accuracy. The adaptive row shows what that is worth.
- Real noise is what is added, in pixels of 255. `cumulative` is the formula as the paper prints it, `per-step` the rule behind its printed t*.
- The noise of the defence was chosen on the validation split, which shares neither handwriting nor photographs with the test split.
"""


@dataclass(frozen=True)
class Found:
    """A campaign's rows, by what they say."""

    rows: list[dict]

    def one(self, kind: str) -> dict:
        found = [row for row in self.rows if row["kind"] == kind]
        if not found:
            raise FvitError(f"the rows hold no '{kind}' yet; let fvit world end first")
        return found[-1]

    @property
    def images(self) -> int:
        return self.one("campaign")["settings"]["images"]

    @property
    def level(self) -> NoiseLevel:
        return plan.level(self.one("chosen")["sigma"])

    def share(self, cell: Cell) -> tuple[float, float, float] | None:
        """(accuracy, low, high), None where it was not measured."""
        row = next((r for r in self.rows if r["kind"] == "accuracy" and r["key"] == cell.key), None)
        return wilson(row["hits"], row["n"]) if row else None

    def gains(self) -> dict[int, float]:
        return {row["noise"]: row["decibel"] for row in self.rows if row["kind"] == "gain"}


def render(rows: list[dict]) -> str:
    """The whole page as Markdown."""
    found = Found(rows)
    parts = (heading, demands, backbones, choice, curve, denoiser, ablation, maps)
    return "\n".join([*(part(found) for part in parts), READING])


def heading(found: Found) -> str:
    head, at = found.one("campaign"), found.level
    env, weights = head["environment"], head["settings"]["weights"]
    seconds = sum(row.get("seconds", 0.0) for row in found.rows)
    return f"""# The embedded world

- defence: one-shot DDS at real noise {at.sigma * 255:.1f}/255 (t = {at.t}), majority of {plan.DRAWS} draws; chosen by: {found.one("chosen")["by"]}
- attack: PGD l_inf 8/255, {plan.STEPS} steps of 2/255, random start
- {found.images} test pictures of each task; adaptive attacks on {min(found.images, plan.ADAPTIVE)} of them
- session ort fp32, parity passed; attacks on the eager networks; {seconds / 60:.0f} minutes
- weights: {", ".join(f"{name} {told}" for name, told in weights.items())}
- commit {env["commit"]}, {env["cpu"]}, {env["cores"]} cores, torch {env["versions"]["torch"]}, timm {env["versions"]["timm"]}
"""


def demands(found: Found) -> str:
    """What the world was built to show, wanted beside measured."""
    lines: list[list[str]] = []

    def line(what: str, wanted: str, value: float | None, reached: Callable[[float], bool], told: str) -> None:
        lines.append([what, wanted, told, "not measured" if value is None else "yes" if reached(value) else "**no**"])

    for task, least in DEMANDS.items():
        for backbone in BACKBONES:
            clean = found.share(_cell(found, backbone, task))
            line(f"clean, {task}, {backbone}", f">= {least:.0%}", _value(clean), lambda v, least=least: v >= least, _told(clean))
    for backbone in BACKBONES:
        plain, attacked = found.share(_cell(found, backbone, "digits")), found.share(_cell(found, backbone, "digits", "pgd"))
        line(f"undefended under PGD, digits, {backbone}", "<= 10%", _value(attacked), lambda v: v <= 0.1, _told(attacked))
        safe = found.share(plan.defended(_cell(found, backbone, "digits"), found.level))
        lost = None if plain is None or safe is None else plain[0] - safe[0]
        line(f"clean accuracy that DDS costs, digits, {backbone}", "<= 5 points", lost, lambda v: v <= 0.05, _points(lost))
        held = found.share(plan.defended(_cell(found, backbone, "digits", "pgd"), found.level))
        line(f"DDS under PGD, digits, {backbone}", ">= 75%", _value(held), lambda v: v >= 0.75, _told(held))
    for noise, least in GAINED.items():
        gained = found.gains().get(noise)
        line(f"denoiser's gain at {noise}/255", f">= {least:g} dB", gained, lambda v, least=least: v >= least, _decibel(gained))
    return "## What it was built to show\n\n" + table(["", "wanted", "measured", "reached"], lines)


def backbones(found: Found) -> str:
    lines = []
    for backbone in BACKBONES:
        for task in DEMANDS:
            plain = [_cell(found, backbone, task, attack) for attack in ATTACKS]
            lines.append([backbone, task, *(_told(found.share(c)) for cell in plain for c in (cell, plan.defended(cell, found.level)))])
    names = ["", "task", "clean, undefended", "clean, DDS", "PGD, undefended", "PGD, DDS"]
    return "## Every backbone and task\n\n" + table(names, lines)


def choice(found: Found) -> str:
    cells = plan.choice(found.images)
    lines = [["undefended", *(_told(found.share(cell)) for cell in cells[:2])]]
    for sigma, pair in zip(plan.CHOICES, zip(cells[2::2], cells[3::2], strict=True), strict=True):
        lines.append([f"{sigma}/255", *(_told(found.share(cell)) for cell in pair)])
    return "## Choosing the noise: validation split, ViT, `digits`\n\n" + table(["real noise", "clean", "under PGD"], lines)


def curve(found: Found) -> str:
    """Accuracy under DDS by rule and nominal sigma, then by real noise; clean / under transfer PGD."""
    schedule, by_rule = schedules.linear(), []
    for rule in schedules.RULES:
        levels = [schedules.level(schedule, sigma / 255, rule) for sigma in SIGMAS]
        by_rule.append([f"`{rule}`", *(_pair(found, level) for level in levels)])
    first = table(["rule", *(f"{sigma}/255" for sigma in SIGMAS)], by_rule)
    second = table([f"{sigma}/255" for sigma in plan.REAL], [[_pair(found, plan.level(sigma)) for sigma in plan.REAL]])
    return f"""## DDS at every noise: ViT, `digits`, clean / under PGD

By rule and nominal sigma, the real noise in brackets:

{first}
By real noise:

{second}
![accuracy against real noise](world.png)
"""


def denoiser(found: Found) -> str:
    gains = found.gains()
    lines = [[f"{noise}/255" for noise in gains], [f"{value:+.1f} dB" for value in gains.values()]]
    return f"""## The denoiser: gain in PSNR, one shot, test pictures of the three tasks

{table(lines[0], lines[1:])}
![clean, noisy and denoised pictures](denoised.png)
"""


def ablation(found: Found) -> str:
    """Each part of the defence left out, under each attack."""
    names = {"none": "neither", "noise": "noise only", "denoiser": "denoiser only", "dds": "both: DDS"}
    lines = []
    for name, told in names.items():
        cells = [_cell(found, "vit_embedded", "digits", attack) for attack in ATTACKS]
        through = [Cell("vit_embedded", "digits", "test", min(found.images, plan.ADAPTIVE), attack) for attack in ("adaptive", "bpda")]
        shown = [cell if name == "none" else plan.defended(cell, found.level, name) for cell in (*cells, *through)]
        shares = [found.share(cell) for cell in shown]
        if name == "none":  # nothing to look through: the attack on the classifier is the adaptive one
            shares[2] = shares[1]
        lines.append([told, *("–" if share is None else _told(share) for share in shares)])
    return "## Ablation: ViT, `digits`\n\n" + table(["", "clean", "PGD (transfer)", "adaptive", "BPDA"], lines)


def maps(found: Found) -> str:
    """Pixel accuracy of each explainer, and what it has above `random` on the same pictures."""
    scores = {row["explainer"]: row["scores"] for row in found.rows if row["kind"] == "map"}
    lines = []
    for name, own in scores.items():
        above = [score - control for score, control in zip(own, scores["random"], strict=True)]
        gained = "" if name == "random" else _interval(above, "+")
        lines.append([f"`{name}`", _interval(own), gained])
    return "## Maps against the masks: ViT, `digits`, clean, undefended\n\n" + table(["explainer", "pixel accuracy", "above random"], lines)


def _interval(values: list[float], sign: str = "") -> str:
    mean, low, high = mean_interval(values)
    return f"{mean:{sign}.1%} [{low:{sign}.1%}, {high:{sign}.1%}]"


def plot(rows: list[dict], path: Path) -> None:
    """Accuracy against the real noise: DDS clean and attacked with intervals, undefended as lines."""
    found, figure = Found(rows), Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.subplots()
    for attack, colour, told in (("none", "tab:blue", "clean"), ("pgd", "tab:red", "PGD 8/255, transfer")):
        cell = _cell(found, "vit_embedded", "digits", attack)
        levels = [level for level in plan.levels() if found.share(plan.defended(cell, level))]
        shares = [found.share(plan.defended(cell, level)) or (0.0, 0.0, 0.0) for level in levels]
        noise = [level.sigma * 255 for level in levels]
        axes.plot(noise, [s[0] for s in shares], "o-", color=colour, label=f"DDS, {told}")
        axes.fill_between(noise, [s[1] for s in shares], [s[2] for s in shares], color=colour, alpha=0.15)
        if plain := found.share(cell):
            axes.axhline(plain[0], color=colour, linestyle=":", label=f"undefended, {told}")
    for sigma in SIGMAS:
        level = schedules.level(schedules.linear(), sigma / 255, "per-step")
        axes.axvline(level.sigma * 255, color="grey", alpha=0.3)
        axes.text(level.sigma * 255, 1.01, f"{sigma}", ha="center", va="bottom", fontsize=8, color="grey")
    axes.axvline(found.level.sigma * 255, color="black", alpha=0.5, label="the world's defence")
    title = "ViT on digits (grey: where the paper's printed t* put its sigma, of 255)\n"
    axes.set(xlabel="real noise (of 255)", ylabel="accuracy", ylim=(0, 1), title=title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="center right")
    figure.savefig(path, dpi=110)


def _cell(found: Found, backbone: str, task: str, attack: str = "none") -> Cell:
    return Cell(backbone, task, "test", found.images, attack)


def _pair(found: Found, level: NoiseLevel) -> str:
    if not level.denoises:
        return f"no denoiser ({level.sigma * 255:.1f})"
    cells = [plan.defended(_cell(found, "vit_embedded", "digits", attack), level) for attack in ATTACKS]
    shares = [found.share(cell) for cell in cells]
    return " / ".join("–" if share is None else f"{share[0]:.1%}" for share in shares) + f" ({level.sigma * 255:.1f})"


def _told(share: tuple[float, float, float] | None) -> str:
    return "not measured" if share is None else f"{share[0]:.1%} [{share[1]:.1%}, {share[2]:.1%}]"


def _value(share: tuple[float, float, float] | None) -> float | None:
    return None if share is None else share[0]


def _points(lost: float | None) -> str:
    return "not measured" if lost is None else f"{100 * lost:.1f}"


def _decibel(gained: float | None) -> str:
    return "not measured" if gained is None else f"{gained:.1f} dB"
