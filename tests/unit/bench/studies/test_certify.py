"""Certificates from hand-made rows: equal to direct calls of the runtime's, on the page, in the TSV files; what failed is shown."""

import io
from dataclasses import replace

import msgspec
import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

from bench.pages.page import publish
from bench.records.rows import Beyond, Certified, Failed, Head, Machine, Missing, Why
from bench.records.store import plain
from bench.studies.certify import beyond, page, radii
from bench.studies.certify.settings import Ball, CertifySettings, Measured, balls, claim, study
from helpers.tables import ENVIRONMENT
from runtime.certificates import certify
from runtime.certificates.certify import Claim
from runtime.errors import FvitError
from runtime.fuse import CAP, Fused, levels, span

SETTINGS = CertifySettings(images=3, alpha=0.01, k=2, selection=20, draws=1000, sigma=63 / 255)
MEASURED = Measured(0.25, 64, (2, 4))
MEAN = np.array([0.3, 0.2, 0.12, 0.1, 0.09, 0.08, 0.06, 0.05])


def head(settings: CertifySettings = SETTINGS) -> list:
    facts = plain(MEASURED.facts())
    first = Head(campaign="c", key="head", study=study(settings.adaptive), commit="abc", settings=plain(settings.facts() | {"given": {}}),
                 weights={"backbone": "trained"}, facts=facts)  # fmt: skip
    return [first, Machine(campaign="c", key="m", machine="m", environment=ENVIRONMENT)]


def drawn(picture: int, votes: tuple[int, ...] = (0, 2, 0, 998), label: int = 3, **changes) -> Certified:
    row = Certified(campaign="c", key=f"picture {picture}", picture=picture, label=label, selection=[0, 1, 0, 19], votes=list(votes),
                    draws=sum(votes), mean=MEAN.tolist(), squares=(MEAN**2 + 1e-4).tolist(),
                    hits=[1000, 1000, 0, 500, 0, 0, 0, 0], empty=1, seconds=61.5)  # fmt: skip
    return msgspec.structs.replace(row, **changes)


def attacked(picture: int, radius: str, target: str, factor: float, votes=(0, 0, 0, 100), mean=MEAN, spread=1e-4) -> Beyond:
    return Beyond(campaign="c", key=f"picture {picture}, {Ball(radius, target, factor)}", picture=picture, radius=radius, target=target,
                  factor=factor, reach=0.1 * factor, distance=0.1 * factor, label=3, votes=list(votes), mean=np.array(mean).tolist(),
                  squares=(np.array(mean) ** 2 + spread).tolist(), empty=0)  # fmt: skip


def test_radii_are_those_of_the_runtime():
    row = drawn(0)
    found = radii.certificate(row, SETTINGS, MEASURED)
    half = 0.01 / 2
    assert found.label == certify.label(np.array(row.selection), np.array(row.votes), 0.25, half)
    moments = (torch.tensor(part, dtype=torch.float64).reshape(1, 2, 4) for part in (row.mean, row.squares))
    mean, squares = moments
    fused = Fused(mean, "mean", 1000, squares, torch.tensor([1]))
    cap = min(1.0, CAP / 8)
    assert found.top == certify.top(fused, 0, Claim(0.25, half, 2, 0.5), cap + (1 - cap) / 8)
    assert found.top.cells == (0, 1) and found.top.radius > 0
    assert found.printed_p == certify.paper_label(np.array(row.votes), 0.25)
    assert found.printed_q == certify.paper_top(MEAN, Claim(0.25, 0.01, 2, 0.5))
    assert (radii.cells(row, SETTINGS) == certify.cells(np.array(row.hits), 1000, 0.01, 0.75)).all()
    assert found.right and found.both == min(found.label.radius, found.top.radius)


def test_the_cap_spreads_what_it_cuts():
    assert span(64) == pytest.approx(8 / 64 + (1 - 8 / 64) / 64) and span(4) == 1.0


def counted(picture: int = 0, **changes) -> Certified:
    """A row with counts: every draw's map is MEAN, and so are the shares of the vote and the median."""
    above = {fuse: (np.array(levels(fuse, 8))[:, None] < MEAN).astype(int) * 1000 for fuse in ("capped_mean", "median")}
    chosen = [1000, 1000, 0, 0, 0, 0, 0, 0]
    facts = {
        "exceeded": above["capped_mean"].tolist(),
        "above": above["median"].tolist(),
        "chosen": chosen,
        "covered": [0.5] * 4 + [0.0] * 4,
    }
    return drawn(picture, **(facts | changes))


def test_every_bound_of_the_same_draws():
    found = radii.certificate(counted(), replace(SETTINGS, bound="thresholds"), MEASURED)
    assert set(found.tops) == {"thresholds", "mean", "renyi", "vote", "median"} and found.top == found.tops["thresholds"]
    assert all(top.cells == (0, 1) for top in found.tops.values())
    assert found.tops["renyi"] == radii.certificate(drawn(0), SETTINGS, MEASURED).top
    assert (
        found.tops["thresholds"].radius > found.tops["renyi"].radius and found.tops["vote"].radius > 1.5 * found.tops["thresholds"].radius
    )


def test_the_page_compares_maps_and_bounds(unplotted):
    asked = replace(SETTINGS, bound="thresholds")
    text = page.render([*head(asked), counted(0), counted(1, label=1)]).markdown
    assert "bound of the mean map: thresholds" in text
    for name in ("mean map, thresholds", "mean map, its mean alone", "mean map, Renyi", "vote map", "median map"):
        assert f"| {name} | " in text
    assert "| vote map | 2." in text and "| 50.0% [9.5%, 90.5%] |" in text  # of the right one alone
    assert "| 0.25 sigma | " in text and " of 2 | " in text and "## Ranges, localisation, likeness" in text
    assert "Maps and bounds" not in page.render([*head(), drawn(0)]).markdown  # rows from before anything was counted


def test_too_few_draws_for_any_map_are_told(unplotted):
    few = replace(SETTINGS, bound="thresholds", draws=5)
    assert "No map can be certified from 5 draws; " in page.render([*head(few), counted(0)]).markdown
    assert "No map can be" not in page.render([*head(replace(few, draws=1000)), counted(0)]).markdown


def test_ranges_are_drawn():
    made = page.render([*head(replace(SETTINGS, bound="thresholds")), counted(0)])
    assert len(made.plots["certify_ranges.png"]) > 5_000


def test_adaptive_draws_claim_what_was_asked_and_nothing_finer():
    asked = replace(SETTINGS, radius=0.1)
    yes, no = (radii.certificate(drawn(0, answer=answer), asked, MEASURED) for answer in (True, False))
    assert yes.label.label == 3 and yes.label.radius == yes.label.renyi == yes.top.radius == yes.both == pytest.approx(0.025)
    assert yes.label.share == pytest.approx(0.5398, abs=1e-4)
    assert (no.label.label, no.label.radius, no.top.radius) == (certify.ABSTAIN, 0, 0) and not no.right
    assert no.top.cells == yes.top.cells == (0, 1)


def test_settings_come_back_from_the_first_row():
    rows = head(replace(SETTINGS, radius=0.2))
    read = CertifySettings.read(rows[0].settings)
    assert read.adaptive and read.k == 2 and read.sigma == pytest.approx(63 / 255, rel=1e-6)
    assert Measured.read(rows[0].facts) == MEASURED and MEASURED.dimension == 3 * 64 * 64
    assert claim(read, 0.25).leaving == 2


def test_the_page_s_figures_from_known_rows(tmp_path):
    """Right with radii, wrong with the same radii, abstaining."""
    rows = [*head(), drawn(2, votes=(500, 0, 0, 500)), drawn(0), drawn(1, label=1)]
    rows += [attacked(0, "label", "label", 1.0), attacked(0, "label", "label", 1.5, votes=(60, 0, 0, 40))]
    made = page.render(rows)
    text, certified = made.markdown, radii.certificate(drawn(0), SETTINGS, MEASURED)
    label = certified.label.radius
    assert label > 0.5 and 0.0625 <= certified.top.radius < 0.25
    third, none = "33.3% [6.1%, 79.2%]", "0.0% [0.0%, 56.1%]"
    assert f"| 0 sigma | 0.0000 | 0.00/255 | {third} | {third} | {third} |" in text
    assert f"| 1 sigma | 0.2500 | 0.57/255 | {third} | {none} | {none} |" in text
    assert f"| 2 sigma | 0.5000 | 1.15/255 | {third} | {none} | {none} |" in text
    assert "Abstained: label 33%, top k 0%" in text and "| 1.5 R | 1 of 1 |" in text and "| 2 R |" not in text
    assert "P is infinite for 0 pictures" in text and "25% of all cells are in and 62% out" in text and "12% abstain" in text
    for said in ("With probability at least 1 - 0.01", "at least 1 of the 2 named cells stay among the top 2", "64 x 64 grid", "d = 12288",
                 "Algorithm 2 as printed", "commit abc", "weights: backbone trained", "seed 0", "Real noise 63.8/255"):  # fmt: skip
        assert said in text, said
    assert set(made.plots) == {"certified_accuracy.png", "certify_cells.png"} and all(len(plot) > 5_000 for plot in made.plots.values())
    shares = pd.DataFrame(made.cells)
    of_label = shares[(shares["metric"] == "certified accuracy") & (shares["of"] == "label")]
    assert list(of_label["hits"]) == [1] * 8 and list(of_label["radius"])[-1] == 0.5
    publish(tmp_path, page.stem(False), made, Console(file=io.StringIO()))
    cohen = (tmp_path / "certify.tsv").read_text().splitlines()
    assert cohen[1] == f"0\t3\t3\t{np.floor(label * 1e4) / 1e4:.4f}\t1\t0:01:01.500000" and cohen[3].startswith("2\t3\t-1\t0.0000\t0")
    found = pd.read_csv(tmp_path / "certify.tsv", delimiter="\t")
    assert list(found.columns) == ["idx", "label", "predict", "radius", "correct", "time"] and list(found["correct"]) == [1, 0, 0]
    assert [pd.Timedelta(time).total_seconds() for time in found["time"]] == [61.5] * 3
    ours = pd.read_csv(tmp_path / "certify_ours.tsv", delimiter="\t")
    assert ours["pixels_in"].tolist() == [2] * 3 and ours["pixels_out"].tolist() == [5] * 3 and ours["cells"].tolist() == ["0 1"] * 3
    assert (tmp_path / "certify.csv").exists()


@pytest.fixture
def unplotted(monkeypatch):
    monkeypatch.setattr(page.plots, "all_of", lambda campaign: {})
    monkeypatch.setattr(page.ranges, "draw", lambda campaign: {})


def test_printed_radii_that_no_draws_support_are_counted(unplotted):
    text = page.render([*head(), drawn(0, votes=(0, 0, 0, 1000))]).markdown
    assert "P is infinite for 1 pictures" in text and "| label | inf |" in text and "| 1 of 1 |" in text


def test_the_adaptive_page_answers_one_question():
    asked = replace(SETTINGS, radius=0.5, draws=400)
    made = page.render([*head(asked), drawn(0, answer=True), drawn(1, answer=False)])
    text = made.markdown
    assert "Draws were added until" in text and "at most 400" in text and "Algorithm 2 as printed" not in text and "| both |" in text
    assert "| 0.5 sigma | 0.1250 | 0.28/255 | 50.0% [9.5%, 90.5%] |" in text and "| 0.75 sigma | 0.1875 | 0.43/255 | 0.0%" in text
    assert "Abstained: 50%." in text and list(made.plots) == ["certified_accuracy_adaptive.png"]
    assert set(made.files) == {"certify_adaptive.tsv", "certify_adaptive_ours.tsv"} and page.stem(True) == "certify_adaptive"
    assert {record["of"] for record in made.cells} == {"both"}


def test_what_failed_is_shown_with_its_reason(unplotted):
    failed = Failed(campaign="c", key="picture 1", missing=Missing(Why.FAILED, "no memory"), again=True)
    assert "| picture 1 | failed | no memory |" in page.render([*head(), drawn(0), failed]).markdown
    alone = page.render([*head(), failed])
    assert "| picture 1 | failed | no memory |" in alone.markdown and not alone.plots and not alone.cells


def test_the_page_needs_rows():
    with pytest.raises(FvitError, match="no certificate yet"):
        page.render(head())


def test_which_radius_is_attacked():
    """Printed: Algorithm 2's own label and finite radius; sound and label: certified with the right label."""
    alike, other, tie = drawn(0, votes=(0, 0, 0, 1000)), drawn(1, label=1), drawn(2, votes=(500, 0, 0, 500))
    found = [radii.certificate(row, SETTINGS, MEASURED) for row in (alike, other, tie)]
    first = found[0]
    assert radii.reach(first, "printed") == first.printed_q < first.printed_p == np.inf
    assert (
        radii.reach(first, "sound") == min(first.label.radius, first.top.radius) > 0 and radii.reach(first, "label") == first.label.radius
    )
    assert [radii.reach(one, kind) for one in found[1:] for kind in ("printed", "sound", "label")] == [0.0] * 6
    assert len(balls(adaptive=False)) == 15 and {ball.radius for ball in balls(adaptive=True)} == {"sound"}


def test_what_counts_as_found():
    """Found within 1.5 R counts at 2 R; what is found within R leaves the others' n; a narrow majority is not sure, two other labels may be."""
    turned = MEAN[::-1]
    rows = [*head(), *(drawn(picture, votes=(0, 0, 0, 1000)) for picture in range(4))]
    rows += [
        attacked(0, "printed", "label", 1.0),
        attacked(0, "printed", "label", 1.5, (52, 0, 0, 48)),
        attacked(0, "printed", "label", 2.0),
    ]
    rows += [attacked(1, "printed", "label", factor) for factor in (1.0, 1.5)] + [attacked(1, "printed", "label", 2.0, (90, 0, 0, 10))]
    rows += [attacked(2, "printed", "label", factor, (50, 0, 0, 50) if factor < 2 else (100, 0, 0, 0)) for factor in (1.0, 1.5)]
    rows += [attacked(3, "printed", "label", factor, (60, 40, 0, 0)) for factor in (1.0, 1.5, 2.0)]
    rows += [attacked(0, "sound", "map", 1.0), attacked(0, "sound", "map", 1.5, mean=turned), attacked(0, "sound", "map", 2.0, mean=turned)]
    made = {(one.radius, one.target, one.factor): (one.found, one.sure, one.n) for one in beyond.results(radii.read(rows))}
    assert made == {
        ("printed", "label", 1.0): (1, 1, 4),  # a tie is not found
        ("printed", "label", 1.5): (1, 0, 3),
        ("printed", "label", 2.0): (2, 1, 2),
        ("sound", "map", 1.0): (0, 0, 1),
        ("sound", "map", 1.5): (1, 0, 1),
        ("sound", "map", 2.0): (1, 0, 1),
    }
    text = beyond.text(radii.read(rows))
    assert "| printed | label | 1.5 R | 1 of 3 | 33.3% [6.1%, 79.2%] | 0 | 1.000 | 23 % |" in text
    assert "| printed | label | 2 R | 2 of 2 | 100.0% [34.2%, 100.0%] | 1 | 1.000 | 64 % |" in text
    assert "P is infinite for 4 of these 4 pictures, whose draws all voted alike: there R = Q." in text
    assert "Within certified radii nothing was found, in 1 attacks." in text and "| sound | map | 2 R | 1 of 1 |" in text


def test_a_label_is_outvoted_by_a_test():
    """Of 4 labels, each of the other three at 0.01 / 3: 65 of 100 pass, 63 do not (binomial tails 0.0018 and 0.006)."""
    assert beyond.outvoted([65, 0, 0, 35], 3, 0.01) and not beyond.outvoted([63, 0, 0, 37], 3, 0.01)
    assert beyond.outvoted([50, 50, 0, 0], 3, 0.01) and not beyond.outvoted([0, 0, 0, 100], 3, 0.01)


def test_a_map_moved_for_sure_and_a_find_within_a_certified_radius_are_told():
    far = {"votes": (0, 0, 0, 100_000), "mean": MEAN[::-1], "spread": 1e-9}
    campaign = radii.read(
        [*head(), drawn(0, votes=(0, 0, 0, 100_000), squares=(MEAN**2 + 1e-9).tolist()), attacked(0, "sound", "map", 1.0, **far)]
    )
    (one,) = beyond.results(campaign)
    assert (one.found, one.sure, one.n, one.overlap) == (1, 1, 1, 0.0)
    assert "something was found in 1 of 1 attacks (1 surely)" in beyond.text(campaign)
    assert "none was attacked" in beyond.text(radii.read([*head(), drawn(0)]))
