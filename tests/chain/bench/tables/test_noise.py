"""The table of other noise, measured: every law has its own draws, and the whole graph serves them all."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from bench.records.campaign import How
from bench.records.rows import Answered
from bench.records.store import Store
from bench.tables import noise
from bench.trials import measure, page
from bench.trials.run import Runner
from bench.trials.settings import Settings
from bench.worlds import world as worlds
from runtime.names import NOISES


def test_each_law_has_draws_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(noise, "CERTIFYING", 20)
    settings, store = Settings(n=1), Store(tmp_path)
    grid = replace(noise.TABLE, cells=lambda asked: [cell for cell in noise.cells(asked) if cell.trial.threat is None])
    measure.measure([grid], settings, store, Runner(worlds.open("embedded")), Console(file=io.StringIO()), How())
    rows = store.read()
    votes = {row.trial["defence"].get("noise", "gaussian"): row.votes for row in rows if isinstance(row, Answered) and row.votes}
    assert set(votes) == set(NOISES)
    sigma = settings.made.level().sigma
    assert all(row.sigma == pytest.approx(sigma) for row in rows if isinstance(row, Answered))
    values = grid.values(rows)
    assert all(value.number is not None for value in values)
    stay = [value.number.value for value in values if value.cell.metric == noise.STABILITY[1]]
    assert len(stay) == 4 and all(0.5 < one < 1 for one in stay)  # fresh draws: no map is compared with itself
    text = page.render(grid, rows).markdown
    assert "Certified radii by law of the noise" in text and "Teng et al. 2020" in text


def test_staged_and_fused_draw_the_same_noise():
    runner, settings = Runner(worlds.open("embedded")), Settings(n=2)
    trials = [trial for trial in noise.TABLE.trials(settings) if trial.defence.noise == "laplace" and trial.threat is None][:1]
    (whole,) = [runner.answers(trial, range(2)) for trial in trials]
    steps = replace(trials[0], defence=replace(trials[0].defence, denoise="ddim", steps=1))
    assert (runner.answers(steps, range(2)).votes - whole.votes).abs().sum() <= 2
