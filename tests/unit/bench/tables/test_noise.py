"""The table of other noise from known rows: its trials, its radii from votes, its sentence."""

import numpy as np
import pytest
from scipy.stats import binom

from bench.records.rows import Answered
from bench.tables import noise
from bench.trials import page
from bench.trials.settings import Settings
from bench.trials.trial import Trial, differing
from bench.worlds.attack import Threat
from bench.worlds.defence import Defence
from bench.worlds.presets import preset
from helpers.tables import synthetic
from runtime.errors import FvitError


def test_a_new_field_leaves_the_keys_of_old_trials():
    old = Trial("vit_embedded", "digits", 4, threat=Threat(), defence=preset("corrected").defence())
    assert not {"noise", "votes"} & set(differing(old.base)["defence"])
    with pytest.raises(FvitError, match="unknown noise 'cauchy'"):
        Defence(noise="cauchy")
    with pytest.raises(FvitError, match="unknown votes 'both'"):
        Defence("dds", preset("corrected").level(), votes="both")


def test_radii_come_from_the_votes_of_the_right_label():
    """100 of 100, 80 of 100 and 55 of 100 draws right: Clopper and Pearson's bounds at 0.001 are 0.9333, 0.6535 and below one half."""
    settings = Settings(n=4)
    (trial,) = [one for one in noise.TABLE.trials(settings) if one.defence.noise == "uniform" and one.defence.draws == noise.CERTIFYING]
    assert trial.defence.first == 10 and trial.threat is None
    row = Answered(
        campaign="c", key=trial.part_key(range(3)), trial=differing(trial.base), numbers=[0, 1, 2], labels=[0, 1, 1], answers=[0, 1, 1],
        votes=[[100, 0], [20, 80], [45, 55]], sigma=trial.defence.level.sigma,
    )  # fmt: skip
    rows = [one for one in synthetic(settings, noise.TABLE) if one.key.partition("/")[0] != trial.key]
    values = noise.TABLE.values([*rows, row])
    (value,) = [one for one in values if one.cell.trial == trial.base or one.cell.trial.key == trial.key]
    sigma = trial.defence.level.sigma
    found = noise.certified(value)
    assert found == pytest.approx([2 * np.sqrt(3) * sigma * (0.001**0.01 - 0.5), 2 * np.sqrt(3) * sigma * (0.6535 - 0.5), 0.0], rel=1e-3)
    assert binom.sf(79, 100, 0.6535) == pytest.approx(0.001, rel=0.01)
    text = noise.sections(values)[0]
    line = next(line for line in text.splitlines() if line.startswith("| uniform"))
    assert "66.7% [" in line and "n=3" in line and "lambda = 111." in line and "Levine and Feizi" in line
    middle = np.floor(25500 * found[1]) / 100
    assert f"| {middle:.3g} |" in line and f"| {np.floor(25500 * found[1] / np.sqrt(3 * 64 * 64)) / 100:.3g} |" in line


def test_the_sentence_names_every_law():
    made = page.render(noise.TABLE, synthetic(Settings(n=4), noise.TABLE)).markdown
    assert "equal standard deviation: gaussian 100.0% [51.0%, 100.0%], uniform" in made and "| laplace | 1.000 [0.51, 1.00] |" in made
