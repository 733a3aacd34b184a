"""The ledger of claims: every rule with rows and printed cells that flip it."""

from dataclasses import replace

import numpy as np
import pytest

from bench.pages import published
from bench.pages.published import Printed
from bench.records.rows import Missing, Why
from bench.records.stats import Interval, wilson
from bench.tables import _ledger, _printed, claims
from bench.tables._ledger import Finding, PaperClaim, Verdict
from bench.trials import page
from bench.trials.grid import Cell, Value
from bench.trials.settings import Settings
from bench.trials.tally import Tally
from bench.trials.trial import Trial
from bench.worlds.attack import Threat
from helpers.tables import synthetic
from runtime.errors import FvitError

N = 40
LOW, HALF, HIGH = (np.arange(N) < right for right in (4, 20, 38))


def accuracy(method: str, right: np.ndarray, **fields) -> Value:
    attack = fields.pop("attack", "pgd")
    trial = Trial("vit_embedded", "digits", N, threat=Threat(attack, eps=(1 + len(method)) / 255))
    cell = Cell(method, "8/255", "accuracy", trial, method=method, table="1", **fields)
    return Value(cell, wilson(int(right.sum()), N), n=N, tally=Tally(list(range(N)), right, None))


def score(value: float, **fields) -> Value:
    cell = Cell("ours", "c", "s_faith", Trial("vit_embedded", "digits", N), "vta", method="ours", table="6", **fields)
    return Value(cell, Interval(value, value, value), n=N)


@pytest.mark.parametrize(("ours", "other", "verdict"), [(HIGH, LOW, Verdict.HOLDS), (HALF, HALF, Verdict.OPEN), (LOW, HIGH, Verdict.FAILS)])
def test_ours_against_the_others(ours, other, verdict):
    values = [accuracy("ours", ours), accuracy("VTA", other)]
    assert _ledger.beats_all(values).verdict == verdict
    assert _ledger.ordered("ours", "VTA")(values).verdict == verdict
    assert _ledger.never_worse(values).verdict == (Verdict.FAILS if verdict == Verdict.FAILS else Verdict.HOLDS)
    assert "of 1 comparisons" in _ledger.beats_all(values).told


def test_what_an_interval_still_allows_is_not_decided():
    """Each right where the other is wrong: no difference in the mean, and an interval of 30 points."""
    found = _ledger.never_worse([accuracy("ours", HALF), accuracy("VTA", ~HALF)])
    assert found.verdict == Verdict.OPEN and "ours worse in 0 of 1" in found.told
    few = accuracy("ours", HALF[15:25], attack="eot_pgd")
    few = replace(few, value=wilson(5, 10), n=10)
    assert _ledger.white_box([accuracy("ours", HALF), few]).verdict == Verdict.OPEN


def test_what_cannot_be_compared_is_not_decided():
    apart = replace(accuracy("VTA", HALF), tally=Tally(list(range(N, 2 * N)), HALF, None))
    assert _ledger.never_worse([accuracy("ours", HALF), apart]).verdict == Verdict.OPEN
    assert _ledger.white_box([accuracy("ours", HALF, attack="fgsm")]).verdict == Verdict.OPEN  # --attack fgsm leaves PGD out


def test_l2_above_linf():
    def at(l2, linf):
        return [score(l2, norm="l2", radius=0.1), score(linf, norm="linf", radius=0.1)]

    assert _ledger.l2_above_linf(at(5.0, 4.0)).verdict == Verdict.HOLDS and _ledger.l2_above_linf(at(4.0, 5.0)).verdict == Verdict.FAILS


def test_an_attack_through_the_defence_decides_what_white_box_means():
    for through, verdict in ((HALF, Verdict.HOLDS), (LOW, Verdict.FAILS)):
        values = [accuracy("ours", HALF), accuracy("ours", through, attack="eot_pgd")]
        assert _ledger.white_box(values).verdict == verdict


def changed(monkeypatch, table, change):
    """`published.cells(table)` with `change` made to a copy of it."""
    real = published.cells
    cells = {name: dict(real(name)) for name in ("1", "7", "8", "9", "10")}
    change(cells[table])
    monkeypatch.setattr(published, "cells", lambda name: cells[name])


def test_printed_numbers_that_agree_flip_the_verdict(monkeypatch):
    rules = (_printed.same_vta, _printed.same_pgd, _printed.best_of_table7, _printed.steadier_than_vanilla)
    assert {rule([]).verdict for rule in rules} == {Verdict.CONTRADICTS}
    assert "0.82 in Table 1, 0.00 in Table 8" in _printed.same_vta([]).told and "39 of 72" in _printed.best_of_table7([]).told
    changed(monkeypatch, "8", lambda cells: cells.update({("Vanilla VTA", "8/255"): Printed(0.82, "")}))
    assert _printed.same_vta([]).verdict == Verdict.AGREES
    ten = published.cells("10")
    fvit = {("FViT (VTA + DDS)", f"{r}/255"): ten["PGD", f"{r}/255"] for r in (2, 4, 6, 8, 10)}
    changed(monkeypatch, "8", lambda cells: cells.update(fvit))
    assert _printed.same_pgd([]).verdict == Verdict.AGREES
    changed(monkeypatch, "7", lambda cells: cells.update({names: Printed(1.0, "") for names in cells if names[2] == "Ours"}))
    assert _printed.best_of_table7([]) == Finding(Verdict.AGREES, "ours is best or ties in 72 of 72 printed columns")
    changed(monkeypatch, "9", lambda cells: cells.update({names: Printed(0.99, "") for names in cells if names[1] != "0/255"}))
    assert _printed.steadier_than_vanilla([]).verdict == Verdict.AGREES


def test_table_3_s_steps_and_seconds(monkeypatch):
    assert _printed.printed_steps([]).verdict == _printed.seconds_of_steps([]).verdict == Verdict.CONTRADICTS
    frame = published.read("3", _printed.COLUMNS)
    other = frame.assign(t_star=[2, 6, 15, 25, 35], seconds_a_draw=[0.1, 0.3, 0.8, 1.3, 1.8])
    monkeypatch.setattr(published, "read", lambda table, columns: other)
    assert _printed.printed_steps([]).verdict == _printed.seconds_of_steps([]).verdict == Verdict.AGREES


def test_the_printed_certificates(monkeypatch):
    assert _printed.printed_p([]).verdict == Verdict.UNSOUND
    found = _printed.printed_q([])
    assert found.verdict == Verdict.UNSOUND and "Q = 0.1623 sigma" in found.told
    monkeypatch.setattr(_printed, "BROKEN_AT", 0.17)
    monkeypatch.setattr(_printed.certify, "paper_label", lambda votes, sigma: 1.0)
    assert _printed.printed_q([]).verdict == _printed.printed_p([]).verdict == Verdict.AGREES
    assert _printed.sigma_after_theorem([]).verdict == _printed.linf_radius([]).verdict == Verdict.CONTRADICTS


def test_a_claim_whose_cells_are_missing_says_what_to_run():
    claim = PaperClaim("6", "x", "", "", _ledger.beats_all, "1", lambda cell: True)
    value = accuracy("ours", HIGH)
    gone = replace(value, value=Missing(Why.NOT_MEASURED, "measure it"))
    assert claim.judged([gone, value]) == Finding(Verdict.NOT_MEASURED, "1 of 2 cells have no number; run: fvit table claims")
    assert claim.judged([]).verdict == Verdict.NOT_MEASURED


def test_what_has_cells_is_not_left_to_imagenet():
    claim = PaperClaim("6", "x", "", "", _ledger.told(Verdict.NEEDS, "data"), "1", lambda cell: True)
    with pytest.raises(FvitError, match="the claim 'x' has cells of table 1 and says that it needs ImageNet"):
        claim.judged([accuracy("ours", HIGH)])


def test_the_page_of_claims():
    settings = Settings(n=4)
    assert all(
        claim.table == "" or any(cell.table == claim.table and claim.pick(cell) for cell in claims.cells(settings))
        for claim in claims.CLAIMS
    )
    text = page.render(claims.TABLE, synthetic(settings, claims.TABLE)).markdown
    assert all(f"| {claim.says} |" in text for claim in claims.CLAIMS) and f"Of {len(claims.CLAIMS)} claims" in text
    assert {found.verdict for _, found in claims.ledger([])} >= {Verdict.NOT_MEASURED, Verdict.NEEDS, Verdict.UNSOUND, Verdict.CONTRADICTS}
