"""Certificates as text, plots and TSV files, from one campaign's rows alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import norm

from bench.pages import page as pages
from bench.pages.compare import Number
from bench.pages.page import Page, percent, section, table
from bench.records.campaign import machines_of
from bench.records.rows import AnyRow, Failed
from bench.records.stats import wilson
from bench.studies.certify import beyond, plots, radii, ranges, tsv
from bench.studies.certify.radii import RADII, TAU, Certificate, Certificates
from bench.studies.certify.settings import CertifySettings, Measured, claim
from runtime.certificates import maps
from runtime.certificates.certify import ABSTAIN
from runtime.errors import FvitError
from runtime.fuse import CAP

STEPS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # radii of the table, in units of the real noise


def stem(adaptive: bool) -> str:
    """What the page's files are named by."""
    return "certify_adaptive" if adaptive else "certify"


def render(rows: Sequence[AnyRow]) -> Page:
    """The page: what is claimed, certified accuracy, what abstained, printed and sound radii, attacks within and beyond the radius, what failed."""
    campaign, failed = radii.read(rows), [row for row in rows if isinstance(row, Failed)]
    if not campaign.found and not failed:
        raise FvitError("the rows hold no certificate yet; let fvit certify end first")
    settings, name = campaign.settings, stem(campaign.settings.adaptive)
    parts = [
        pages.heading(
            f"Certificates: {settings.backbone}, `{settings.task}`, {len(campaign.found)} test pictures",
            campaign.head, machines_of(rows), f"session {settings.session} fp32, seed {settings.seed}, bound of the mean map: {settings.bound}",
        ),
        _claim(settings, campaign.measured),
        *(_sections(campaign) if campaign.found else []),
        section("Not measured", table(["what", "why", "reason"], [[row.key, row.missing.why, row.missing.reason] for row in failed]))
        if failed else "",
    ]  # fmt: skip
    pictures = plots.all_of(campaign) | ranges.draw(campaign) if campaign.found else {}
    files = {f"{name}.tsv": tsv.cohen(campaign.found), f"{name}_ours.tsv": tsv.ours(campaign.found, settings, campaign.measured)}
    shares = _shares(campaign) if campaign.found else []
    return Page("\n".join(filter(None, parts)), shares, pictures, files=files, numbers=_numbers(shares))


def _numbers(shares: Sequence[dict]) -> dict[str, Number]:
    """Certified accuracy at every radius, and of every map and bound."""
    own = [share for share in shares if share["metric"] in ("certified accuracy", "map certified, label right")]
    return {f"{share['of']}, radius {share['factor']} sigma": Number(wilson(share["hits"], share["n"])) for share in own}


def _claim(settings: CertifySettings, measured: Measured) -> str:
    count, staying = settings.k, settings.k - claim(settings, measured.sigma).leaving + 1
    mode = (
        f"Draws were added until the answer to 'is the radius at least {settings.radius:g} sigma?' was certain, at most {settings.draws}; "
        "a yes is recorded as that radius, everything else abstains."
        if settings.adaptive
        else f"{settings.draws} draws per picture."
    )
    return (
        f"With probability at least 1 - {settings.alpha:g} over the draws, for each picture separately: nearer than its radius (l2, pixels in "
        f"[0, 1], on the denoiser's {measured.grid} x {measured.grid} grid, where the noise is added) the smoothed label stays, and at least "
        f"{staying} of the {count} named cells stay among the top {count} of the mean {settings.explainer} map (beta {settings.beta:g}). The map is "
        f"that of the class chosen by {settings.selection} separate draws. Real noise {255 * measured.sigma:.1f}/255. The cells of one draw's map "
        f"are capped at {CAP:g} times the even share. {mode} An l_inf radius is the l2 radius divided by sqrt(d), d = {measured.dimension} "
        f"(Theorem 5.3; Algorithm 2 divides by d). The resize from the classifier's pictures to that grid lengthens a change by at most "
        f"{measured.norm:.4g}: radii in their pixels are these divided by it.\n"
    )


def _sections(campaign: Certificates) -> list[str]:
    text = "Share of all pictures with the right label and a radius of at least r (95 % Wilson interval).\n"
    fixed = [
        section("Algorithm 2 as printed, for comparison", _printed(campaign.found)),
        section("Cells", _cells(campaign)),
    ]
    return [
        section("Certified accuracy", text, _accuracy(campaign), _abstained(campaign)),
        ranges.text(campaign),
        *([] if campaign.settings.adaptive else fixed),
        section("Within and beyond the radius (section 6.2)", beyond.text(campaign)),
    ]


def _accuracy(campaign: Certificates) -> str:
    measured, lines = campaign.measured, []
    for step in STEPS:
        r = step * measured.sigma
        linf = math.floor(25500 * r / math.sqrt(measured.dimension)) / 100
        shares = [percent(wilson(_hits(campaign.found, kind, r), len(campaign.found))) for kind in campaign.kinds]
        lines.append([f"{step:g} sigma", tsv.number(r), f"{linf:.2f}/255", *shares])
    return table(["radius", "l2", "l_inf", *campaign.kinds], lines)


def _hits(found: Sequence[Certificate], kind: str, r: float) -> int:
    """Pictures with the right label and a radius of at least `r`."""
    radius = RADII[kind]
    return sum(one.right and radius(one) >= r * (1 - 1e-9) and radius(one) > 0 for one in found)


def _abstained(campaign: Certificates) -> str:
    found, count = campaign.found, len(campaign.found)
    label, tops = (sum(RADII[kind](one) <= 0 for one in found) / count for kind in ("label", "top k"))
    shares = f"{tops:.0%}" if campaign.settings.adaptive else f"label {label:.0%}, top k {tops:.0%}"
    asked = claim(campaign.settings, campaign.measured.sigma)
    needed = maps.draws_needed(replace(asked, alpha=asked.alpha / 2), campaign.measured.tokens, campaign.settings.bound)
    few = (
        f"No map can be certified from {campaign.settings.draws} draws; {needed} or more would do. "
        if campaign.settings.draws < needed
        else ""
    )
    return (
        f"{few}Abstained: {shares}. "
        f"Draws per picture: {sum(one.row.draws for one in found) / count:.0f}, and {campaign.settings.selection} to choose "
        f"the label; {sum(one.row.seconds for one in found) / count:.1f} s. Draws without any relevance, counted as uniform maps: "
        f"{sum(one.row.empty for one in found)}.\n"
    )


def _printed(found: Sequence[Certificate]) -> str:
    infinite = sum(math.isinf(one.printed_p) for one in found)
    larger = sum(one.printed_p > one.label.renyi for one in found)
    above = sum(one.printed_q > one.top.radius for one in found)

    def middle(radius: Callable[[Certificate], float]) -> str:
        return tsv.number(sorted(map(radius, found))[len(found) // 2])

    sound = f"{middle(lambda one: one.label.renyi)} (Cohen's: {middle(RADII['label'])})"
    lines = [
        ["label", middle(lambda one: one.printed_p), sound, f"{larger} of {len(found)}"],
        ["top k", middle(lambda one: one.printed_q), middle(RADII["top k"]), f"{above} of {len(found)}"],
    ]
    note = (
        f"P and Q come from the observed shares (Q from the same capped maps), without confidence. P is infinite for {infinite} pictures, whose "
        "draws all voted alike; where k0 >= 2, what Q takes for the least divergence is not the least.\n"
    )
    return table(["median l2 radius", "printed (P, Q)", "sound", "printed is larger"], lines) + "\n" + note


def _cells(campaign: Certificates) -> str:
    """How many cells of the sparsified map are certified in or out, and how many abstain."""
    kinds = np.concatenate([radii.cells(one.row, campaign.settings) for one in campaign.found])
    inside, outside, abstaining = (float((kinds == kind).mean()) for kind in (1, 0, ABSTAIN))
    radius = campaign.measured.sigma * float(norm.ppf(TAU))
    return (
        f"A separate claim, at alpha {campaign.settings.alpha:g} once more (Holm): of the maps reduced to their top quarter, {inside:.0%} of all "
        f"cells are in and {outside:.0%} out in more than {TAU:.0%} of all draws, which no change smaller than {tsv.number(radius)} alters; "
        f"{abstaining:.0%} abstain.\n"
    )


def _shares(campaign: Certificates) -> list[dict]:
    """One record per share on the page; radii in pixels."""
    count, shares = len(campaign.found), []
    for kind in campaign.kinds:
        for step in STEPS:
            hits = _hits(campaign.found, kind, step * campaign.measured.sigma)
            shares.append(("certified accuracy", kind, step, step * campaign.measured.sigma, hits, count))
    shares += ranges.shares(campaign) + beyond.shares(campaign)
    names = ("metric", "of", "factor", "radius", "hits", "n")
    return [dict(zip(names, share, strict=True)) | wilson(share[-2], share[-1])._asdict() for share in shares]
