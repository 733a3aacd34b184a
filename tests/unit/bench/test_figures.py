"""The catalogue of figures, and a figure's size."""

from bench.options import EMBEDDED
from bench.protocols import OURS
from bench.studies.figures import curves as figure_curves
from bench.studies.figures.catalogue import FIGURES


def test_the_ten_figures_are_there_and_differ():
    assert list(FIGURES) == [str(number) for number in range(1, 11)]
    assert len({repr(figure) for figure in FIGURES.values()}) == 10
    assert {figure.backbone for figure in FIGURES.values()} == set(EMBEDDED)
    assert all(0 in figure.radii and max(figure.radii) >= 8 for figure in FIGURES.values())


def test_a_long_caption_makes_the_figure_taller():
    point = {"value": 0.5, "low": 0.4, "high": 0.6, "at_255": 8}
    told = [
        *(point | {"metric": metric, "against": "radius", "method": OURS} for metric in figure_curves.AUCS),
        *(point | {"metric": metric, "against": "sigma", "method": OURS} for metric in figure_curves.SENSITIVE),
    ]
    short, long = (figure_curves.draw(told, text).get_size_inches() for text in ("short", "long " * 200))
    assert long[1] > short[1] and long[0] == short[0] <= 16
