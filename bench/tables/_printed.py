"""Claims that the paper's own numbers and formulas decide: rules over `published/`, the schedule and the printed certificate."""

import math
from collections.abc import Sequence

import numpy as np

from bench.pages import published
from bench.tables._ledger import Finding, Verdict
from bench.trials.grid import Value
from runtime.certificates import certify
from runtime.certificates.certify import Claim
from runtime.diffusion import schedule as schedules

COLUMNS = ("sigma", "t_star", "seconds_10_draws", "seconds_a_draw")  # of Table 3
BROKEN_AT = 0.155  # distance in sigmas at which the network of docs/certificates.md has lost all its top cells


def same_vta(values: Sequence[Value]) -> Finding:
    """VTA under PGD 8/255 on ImageNet: Tables 1 and 8."""
    first = published.cells("1")["ViT", "VTA", "ImageNet", "Cla. Acc."].value
    second = published.cells("8")["Vanilla VTA", "8/255"].value
    return _equal([(first, second)], f"{first:.2f} in Table 1, {second:.2f} in Table 8")


def same_pgd(values: Sequence[Value]) -> Finding:
    """FViT under PGD: Tables 8 and 10."""
    eight, ten = published.cells("8"), published.cells("10")
    rows = [(eight["FViT (VTA + DDS)", f"{r}/255"].value, ten["PGD", f"{r}/255"].value) for r in (2, 4, 6, 8, 10)]
    apart = sum(not math.isclose(a, b, abs_tol=1e-4) for a, b in rows)
    return _equal(rows, f"{apart} of {len(rows)} radii have two different accuracies: " + ", ".join(f"{a:.4f} / {b:.4f}" for a, b in rows))


def best_of_table7(values: Sequence[Value]) -> Finding:
    """In how many of Table 7's columns ours at least ties with the best other method."""
    columns: dict[tuple, dict[str, float]] = {}
    for (radius, model, method, data_set, metric), printed in published.cells("7").items():
        columns.setdefault((radius, model, data_set, metric), {})[method] = printed.value
    best = sum(methods.pop("Ours") >= max(methods.values()) for methods in columns.values())
    verdict = Verdict.AGREES if best == len(columns) else Verdict.CONTRADICTS
    return Finding(verdict, f"ours is best or ties in {best} of {len(columns)} printed columns")


def steadier_than_vanilla(values: Sequence[Value]) -> Finding:
    """Whether any printed cell of FViT in Table 9 lies above the vanilla network's."""
    cells = published.cells("9")
    noises = dict.fromkeys(noise for noise, _ in cells)
    above = sum(value.value > cells[noise, "0/255"].value for (noise, sigma), value in cells.items() if sigma != "0/255")
    below = sum(value.value < cells[noise, "0/255"].value for (noise, sigma), value in cells.items() if sigma != "0/255")
    told = f"of {len(cells) - len(noises)} printed cells {above} lie above the vanilla network's, {below} below"
    return Finding(Verdict.AGREES if above > below else Verdict.CONTRADICTS, told)


def seconds_of_steps(values: Sequence[Value]) -> Finding:
    """Whether Table 3's seconds grow with t*, as t* backward steps would."""
    frame = published.read("3", COLUMNS)
    few, many = frame.loc[4], frame.loc[16]
    growth, steps = many["seconds_a_draw"] / few["seconds_a_draw"], many["t_star"] / few["t_star"]
    told = f"from t* = {few['t_star']:.0f} to {many['t_star']:.0f} the steps grow {steps:.0f} times, the seconds {growth:.2f} times"
    return Finding(Verdict.AGREES if growth > steps / 2 else Verdict.CONTRADICTS, told)


def printed_steps(values: Sequence[Value]) -> Finding:
    """Table 3's t* by the printed formula."""
    printed = [int(step) for step in published.read("3", COLUMNS)["t_star"]]
    found = [schedules.level(schedules.linear(), sigma / 255, "cumulative").t for sigma in (2, 4, 8, 12, 16)]
    return Finding(Verdict.AGREES if printed == found else Verdict.CONTRADICTS, f"printed {printed}, by the formula {found}")


def sigma_after_theorem(values: Sequence[Value]) -> Finding:
    """sigma^2 = a R^2 / 2 g of Theorem 5.1 beside sigma = a R^2 / 2 g of the text after Theorem 5.2, at a = 2, R = 1, g = 0.25."""
    bound = 2.0 * 1.0**2 / (2 * 0.25)
    told = f"at alpha 2, R 1, gamma 0.25: sigma {math.sqrt(bound):.1f} by the theorem, {bound:.1f} by the text"
    return Finding(Verdict.AGREES if math.isclose(math.sqrt(bound), bound) else Verdict.CONTRADICTS, told)


def linf_radius(values: Sequence[Value]) -> Finding:
    """Theorem 5.3 against line 7 of Algorithm 2, at d = 3 x 224 x 224."""
    d = 3 * 224 * 224
    told = f"Theorem 5.3 divides the l2 radius by sqrt(d) = {math.sqrt(d):.0f}, Algorithm 2 and section 5.2 by d = {d:,}"
    return Finding(Verdict.AGREES if math.isclose(math.sqrt(d), d) else Verdict.CONTRADICTS, told)


def printed_p(values: Sequence[Value]) -> Finding:
    """P of ten equal votes."""
    radius = certify.paper_label(np.array([10, 0, 0]), 1.0)
    told = f"ten draws of one label give P = {radius:g} sigma: no confidence stands in it"
    return Finding(Verdict.UNSOUND if math.isinf(radius) else Verdict.AGREES, told)


def printed_q(values: Sequence[Value]) -> Finding:
    """Q of the network in closed form of docs/certificates.md, whose top cells are gone at BROKEN_AT."""
    shares = (0.09, 0.4256)  # of the noise: all on cell 0, evenly on the 7 others named
    mean = np.array([shares[0], *[shares[1] / 7] * 7, *[(1 - sum(shares)) / 8] * 8])
    radius = certify.paper_top(mean, Claim(1.0, 0.001, 8, 0.001))
    told = f"a network in closed form has Q = {radius:.4f} sigma and at {BROKEN_AT} none of its 8 top cells left (docs/certificates.md)"
    return Finding(Verdict.UNSOUND if radius > BROKEN_AT else Verdict.AGREES, told)


def _equal(rows: Sequence[tuple[float, float]], text: str) -> Finding:
    same = all(math.isclose(a, b, abs_tol=1e-4) for a, b in rows)
    return Finding(Verdict.AGREES if same else Verdict.CONTRADICTS, text)
