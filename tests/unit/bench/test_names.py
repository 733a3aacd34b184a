"""Names that the command line knows before anything heavy is loaded are the real ones."""

from bench.commands import _options as offered
from bench.commands.figures import CURVES
from bench.studies.figures.catalogue import FIGURES
from bench.trials.page import tables
from bench.worlds import defence, paper, presets
from bench.worlds import world as worlds
from bench.worlds.data import digits
from bench.worlds.training import train
from runtime import names, plugins
from runtime.diffusion import denoise


def test_the_names_known_before_loading_are_the_real_ones():
    assert worlds.names() == ["embedded", "paper"] and set(offered.DENOISERS) <= set(names.DENOISERS)
    assert digits.TASKS == offered.TASKS and set(offered.TRAINED) == set(train.ORDER) - {"teacher"}
    assert {name.split("-")[0] for name in offered.STEPPED} == {*names.DENOISERS, *defence.CONTROLS} - {"released"}
    assert set(presets.PRESETS) == set(offered.PRESETS) and {*FIGURES, CURVES} == set(offered.FIGURES)
    assert (*paper.CROPS,) == offered.CROPS
    assert {*tables(), offered.TIMED} == set(offered.tables())
    assert set(names.DENOISERS) == set(denoise.DENOISERS)


def test_every_data_set_can_be_asked_for():
    for name in offered.data_sets():
        plugin = plugins.load("bench.worlds.data", name)
        assert plugin.NEEDS and plugin.build and plugin.Options
