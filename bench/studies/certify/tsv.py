"""One line per picture: in Cohen's columns, which his scripts read, and everything else that is certified of it."""

import datetime
import math
from collections.abc import Sequence

from bench.studies.certify import radii
from bench.studies.certify.radii import Certificate
from bench.studies.certify.settings import CertifySettings, Measured
from runtime.certificates.certify import rounded_down

COHEN = ("idx", "label", "predict", "radius", "correct", "time")
OURS = ("idx", "share", "renyi", "topk_radius", "printed_p", "printed_q", "linf", "linf_printed", "draws", "empty", "pixels_in", "pixels_out",
        "cells")  # fmt: skip


def cohen(found: Sequence[Certificate]) -> str:
    return _table(COHEN, [
        (one.row.picture, one.row.label, one.label.label, number(one.label.radius), int(one.right),
         datetime.timedelta(seconds=one.row.seconds))
        for one in found
    ])  # fmt: skip


def ours(found: Sequence[Certificate], settings: CertifySettings, measured: Measured) -> str:
    """`linf` by Theorem 5.3, `linf_printed` by Algorithm 2; cells in and out of fixed draws only."""
    return _table(OURS, [_line(one, settings, measured) for one in found])


def number(radius: float) -> str:
    """A radius, rounded down."""
    return f"{rounded_down(radius):.4f}" if math.isfinite(radius) else "inf"


def _line(one: Certificate, settings: CertifySettings, measured: Measured) -> tuple:
    kinds = [] if settings.adaptive else radii.cells(one.row, settings).tolist()
    linf, linf_printed = one.both / math.sqrt(measured.dimension), one.both / measured.dimension
    return (
        one.row.picture, f"{rounded_down(one.label.share, 6):.6f}", number(one.label.renyi), number(one.top.radius), number(one.printed_p),
        number(one.printed_q), f"{rounded_down(linf, 6):.6f}", f"{rounded_down(linf_printed, 8):.8f}", one.row.draws, one.row.empty,
        kinds.count(1) if kinds else "", kinds.count(0) if kinds else "", " ".join(map(str, one.top.cells)),
    )  # fmt: skip


def _table(names: tuple[str, ...], lines: list[tuple]) -> str:
    return "\n".join("\t".join(map(str, line)) for line in [names, *lines]) + "\n"
