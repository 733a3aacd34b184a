"""Theorems 5.2 and 5.4: Gaussian noise beside uniform and Laplace noise of equal deviation; and the votes as Algorithm 2 prints them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from bench.pages.page import number, percent, section, table
from bench.records.stats import wilson
from bench.trials.grid import Cell, Grid, Value, at, title
from bench.trials.settings import Settings
from bench.trials.tally import ACCURACY, ONE_DRAW
from bench.trials.trial import Trial
from bench.worlds import world as worlds
from bench.worlds.attack import Threat
from bench.worlds.defence import Defence
from runtime.certificates import bounds, radii
from runtime.certificates.certify import rounded_down
from runtime.names import NOISES

ALPHA, CERTIFYING, CERTIFIED = 0.001, 100, 50  # chance of being wrong for a picture; draws and pictures of the radii, at most
NOISY = "gaussian, votes of y(x + z)"
STABILITY = ("topk", "shared_relevance")
COLUMN = f"draws right, of {CERTIFYING}"
ABOUT = f"""One-shot DDS with noise of another law and the same standard deviation, so the same t*; the denoiser learned Gaussian noise and is not
told. Theorems 5.2 and 5.4 say that Gaussian noise is near optimal among all laws for l2 and l_inf; nobody measured another one. Accuracy: majority
of the draws. VTA maps against the clean picture's with fresh draws, without an attack and under PGD. PGD l_inf 8/255 on the undefended network is a
transfer attack. `{COLUMN}`: draws after those of the votes, on at most {CERTIFIED} clean pictures; the radii come from them.
`{NOISY}` is Algorithm 2's line 3 to the letter: it counts the labels of x + z, without the denoiser, while the map is that of T(x + z)."""


def cells(settings: Settings) -> list[Cell]:
    """A row for each law, and one for the votes of noisy pictures."""
    made = {noise: settings.made.defence(seed=settings.seed, noise=noise) for noise in NOISES}
    made[NOISY] = settings.made.defence(seed=settings.seed, votes="noisy")
    return [cell for row, defence in made.items() for cell in _row(settings, row, defence)]


def _row(settings: Settings, row: str, defence: Defence) -> list[Cell]:
    """Accuracy, stability and the draws of the radii behind one defence."""
    scene, side = settings.scene, worlds.open(settings.world).grid
    clean = Trial(scene.main, scene.task, settings.n, defence=defence)
    attacked = replace(clean, threat=Threat("pgd", "linf", 8 / 255, settings.made.rule_for(scene.task)))
    more = replace(defence, first=defence.draws, draws=settings.small(CERTIFYING, 20))
    votes = replace(clean, images=min(settings.n, CERTIFIED), defence=more)
    found = []
    for shown, trial in (("clean", clean), ("PGD 8/255", attacked)):
        found.append(Cell(row, f"accuracy, {shown}", ACCURACY, trial, method=row))
        found += [Cell(row, f"{title(metric)}, {shown}", metric, trial, "vta", method=row) for metric in STABILITY]
    return [*found, Cell(row, COLUMN, ONE_DRAW, votes, method=row, numbers=3 * side * side)]


def certified(value: Value) -> Float[ndarray, " N"]:
    """The radius of each picture's right label in the norm of its noise's law, in pixels; 0: none at this confidence."""
    trial, tally = value.cell.trial, value.tally
    assert trial is not None and trial.defence.level is not None and tally is not None and tally.shares is not None
    hits = np.rint(tally.shares * trial.defence.draws).astype(int)
    shares = [bounds.lower(int(one), trial.defence.draws, ALPHA) for one in hits]
    return np.array([radii.radius(trial.defence.noise, share, trial.defence.level.sigma) for share in shares])


def sections(values: Sequence[Value]) -> list[str]:
    """What the votes certify, in l1 and l2, beside what Theorem 5.2 counts: the largest number of one draw of noise."""
    lines = []
    for value in (one for one in values if one.cell.column == COLUMN and one.number is not None):
        trial, cell = value.cell.trial, value.cell
        assert trial is not None and trial.defence.level is not None
        law, sigma, own = radii.LAWS[trial.defence.noise], 255 * trial.defence.level.sigma, 255 * certified(value)
        both = [np.median([radii.in_norm(trial.defence.noise, one, norm, cell.numbers) for one in own]) for norm in (1, 2)]
        held = percent(wilson(int((own > 0).sum()), len(own)))
        parts = [f"{sigma:.1f}", f"{law.symbol} = {law.scale * sigma:.1f}", f"{sigma * law.largest(cell.numbers):.0f}"]
        lines.append([cell.row, *parts, f"{held}, n={len(own)}", *(_down(one) for one in both), law.source])
    names = [
        "noise",
        "standard deviation",
        "scale",
        "largest number, mean",
        "right label certified",
        "median l1 radius",
        "median l2 radius",
        "source",
    ]
    text = (
        f"All in 255ths of a pixel's range, on the grid where the noise is added, rounded down. The label that is certified is the picture's right "
        f"one, fixed before the draws, so no draw is spent on choosing it: Clopper and Pearson's lower bound at alpha = {ALPHA} of its share of "
        f"{CERTIFYING} draws; 0 where that is not above one half. An l2 radius is an l1 radius as well; an l1 radius divided by the root of the "
        "number of pixels and colours is an l2 radius. `largest number, mean`: E of the largest absolute "
        "number of one draw, what Theorems 5.2 and 5.4 bound from below.\n"
    )
    return [section("Certified radii by law of the noise", text, table(names, lines))] if lines else []


def says(values: Sequence[Value]) -> str | None:
    rows = {row: at(values, row=row, column="accuracy, PGD 8/255") for row in (*NOISES, NOISY)}
    if not all(rows.values()):
        return None
    told = ", ".join(f"{row} {percent(value.number)}" for row, value in rows.items())  # type: ignore[union-attr, arg-type]
    return f"Accuracy under the transfer attack by law of the noise, equal standard deviation: {told}."


def _down(radius: float) -> str:
    return number(rounded_down(float(radius), 2))


TABLE = Grid("noise", "Other noise than Gaussian", ABOUT, cells, says, sections=sections)
