"""Definition 4.2 from hand-made rows: what is broken, the bounds on the page, and what no picture can break."""

from dataclasses import replace

import numpy as np
import pytest

from bench.pages.compare import Number
from bench.records.rows import Beyond, Certified, Failed, Head, Machine, Missing, Why
from bench.records.stats import wilson
from bench.records.store import plain
from bench.studies.certify import check_page
from bench.studies.certify.settings import CHECK, Ball, CheckSettings, Measured
from helpers.tables import ENVIRONMENT
from runtime.certificates import faithful
from runtime.certificates.faithful import Side
from runtime.errors import FvitError

SETTINGS = CheckSettings(images=2, radius=1.0, k=2, gamma=0.4, draws=100_000)
MEASURED = Measured(0.25, 64, (2, 2))
MEAN = (0.4, 0.35, 0.15, 0.1)
SURE = (99_000, 1_000)


def head(settings: CheckSettings = SETTINGS) -> list:
    first = Head(campaign="c", key="head", study=CHECK, commit="abc", settings=plain(settings.facts() | {"given": {}}),
                 facts=plain(MEASURED.facts()))  # fmt: skip
    return [first, Machine(campaign="c", key="m", machine="m", environment=ENVIRONMENT)]


def squares(mean) -> list[float]:
    return [cell**2 + 1e-6 for cell in mean]


def drawn(picture: int) -> Certified:
    return Certified(campaign="c", key=f"picture {picture}", picture=picture, label=0, selection=[20, 0], votes=list(SURE), draws=sum(SURE),
                     mean=list(MEAN), squares=squares(MEAN), hits=[0] * 4, empty=0)  # fmt: skip


def moved(picture: int, target: str, votes=SURE, mean=MEAN) -> Beyond:
    return Beyond(campaign="c", key=f"picture {picture}, {Ball('given', target)}", picture=picture, radius="given", target=target, factor=1.0,
                  reach=0.25, distance=0.25, label=0, votes=list(votes), mean=list(mean), squares=squares(mean), empty=0)  # fmt: skip


def test_the_page_from_known_rows():
    """Votes that half left: D_4 is about ln(.99^4 / .5^3) / 3 = 0.68, D_2 about 0.67; the map turned around."""
    half = (50_000, 50_000)
    rows = [*head(), drawn(0), drawn(1), moved(0, "label", half), moved(0, "map", mean=MEAN[::-1]), moved(1, "label"), moved(1, "map")]
    made = check_page.render(rows)
    text = made.markdown
    assert "# Definition 4.2, tried: vit_embedded, `digits`, 2 test pictures" in text and "R = 1 sigma = 0.2500" in text
    assert "| top k | 0 of 2 | 1 of 2 | 50.0% [9.5%, 90.5%] |" in text
    for order in ("1.5", "2", "4"):
        assert f"| D_{order} | 1 of 2 | 0 of 2 | 50.0% [9.5%, 90.5%] |" in text
    assert "broken: D_1.5, D_2, D_4 |" in text and "broken: top k |" in text and text.count("| not broken by this attack |") == 2
    assert "is below beta after 1 of 4 attacks" in text and " held" not in text and "at least 0.99 for each picture" in text
    assert made.numbers["top k not broken"] == Number(wilson(1, 2))
    first = made.cells[0]
    assert (first["picture"], first["attacked"], first["overlap"], first["broken"]) == (0, "label", 1.0, "D_1.5 D_2 D_4")
    exact = faithful.renyi(np.array([0.99, 0.01]), np.array([0.5, 0.5]), 2.0)
    assert 0.95 * exact < first["d_2_low"] < exact < first["d_2_high"] <= 1.0


def test_the_bounds_are_the_runtime_s_at_half_of_alpha():
    """Each of the two attacks gets alpha / 2; the distance is in units of the noise."""
    rows = [*head(), drawn(0), moved(0, "label", (90_000, 10_000))]
    (one,) = check_page.checked(rows, SETTINGS, MEASURED)
    sides = [Side(np.array(votes), np.array(MEAN), np.array(squares(MEAN)), 1.0) for votes in (SURE, (90_000, 10_000))]
    assert one.comparison == faithful.compare(*sides, SETTINGS.definition, 0.005, 1.0) and one.answer == check_page.INTACT


def test_what_no_picture_can_break_is_told():
    """a R^2 / 2 at R = 0.5 sigma is 0.1875, 0.25 and 0.5."""
    text = check_page.render([*head(replace(SETTINGS, radius=0.5, gamma=0.25)), drawn(0), moved(0, "label")]).markdown
    assert "0.188 (a = 1.5), 0.25 (a = 2), 0.5 (a = 4)" in text and "For a = 1.5, 2 that is gamma or less: no picture can break it." in text


def test_rows_and_refusals():
    with pytest.raises(FvitError, match="no attacked picture yet"):
        check_page.render([*head(), drawn(0)])
    failed = Failed(campaign="c", key="picture 1", missing=Missing(Why.FAILED, "no memory"), again=True)
    assert "| picture 1 | failed | no memory |" in check_page.render([*head(), failed]).markdown
    with pytest.raises(FvitError, match=r"beta 1\.0 given"):
        replace(SETTINGS, beta=1.0).definition  # noqa: B018
    read = CheckSettings.read(head(replace(SETTINGS, orders=(3.0,)))[0].settings)
    assert read.orders == (3.0,) and read.drawn.draws == 100_000 and read.drawn.k == 2
