"""A figure with its caption, the numbers behind it and what made them; Figure 3 is drawn from rows alone."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.pages import drawing
from bench.pages.page import Page
from bench.protocols import OURS
from bench.records import machine
from bench.records.campaign import head_of, machines_of
from bench.records.rows import Answered, AnyRow, Failed
from bench.records.stats import Interval
from bench.studies.figures import maps
from bench.studies.figures.catalogue import Choice, Curves, Panel
from bench.studies.figures.maps import FLAT, PanelRow
from bench.studies.figures.measure import EXPLAINER, METHODS, RADIUS, SENSITIVE, SIGMA, CurveSetting, Spot, spots
from bench.trials.tally import Tally, by_trial, tally
from bench.worlds.presets import preset

MOST = 150_000  # bytes of a PNG
AUCS = {"positive_auc": "a: positive perturbation AUC (small is good)", "negative_auc": "b: negative perturbation AUC (large is good)"}
NAMES = dict(zip(SENSITIVE, ("accuracy", "S_Faith", "V_8"), strict=True))


@dataclass(frozen=True)
class CurvePoint:
    """One number of a curve. `sigma`: the noise really added (pixels), None where there is none."""

    spot: Spot
    metric: str
    value: Interval
    n: int
    sigma: float | None

    def facts(self) -> dict:
        """For programs: one flat record."""
        spot, value = self.spot, self.value
        return {
            "against": spot.against, "at_255": spot.at, "method": spot.method, "metric": self.metric, "value": round(value.value, 5),
            "low": round(value.low, 5), "high": round(value.high, 5), "n": self.n,
            "real_sigma_255": "" if self.sigma is None else 255 * self.sigma,
            "radius_255": 255 * spot.trial.threat.eps if spot.trial.threat else 0, "key": spot.trial.key,
        }  # fmt: skip


def render(number: str, rows: Sequence[AnyRow]) -> Page:
    """The figure of curves, from one campaign's rows; failures stand below its caption with their reasons."""
    head = head_of(rows)
    setting = CurveSetting.read(head.settings)
    found = points(setting, rows)
    about = caption(setting.figure, setting.choice, max((point.n for point in found), default=0))
    facts = {"weights": head.facts["fingerprints"], "environment": machines_of(rows)[0].environment}
    failed = [row for row in rows if isinstance(row, Failed)]
    left = len(spots(setting)) - len({point.spot for point in found})
    notes = [f"- {row.key}: {row.missing.why}: {row.missing.reason}" for row in failed]
    notes += [f"- not measured: {left} of {len(spots(setting))} points; the same command goes on"] if left else []
    cells = [point.facts() for point in found]
    made = _made(number, setting.figure, setting.choice, about) | facts
    return _page(setting.figure.title, made, draw(found, _titled(number, setting.figure, about)), cells, notes)


def panel(number: str, figure: Panel, choice: Choice, rows: list[PanelRow], weights: dict[str, str]) -> Page:
    """A figure of maps; `weights`: their hashes."""
    about = caption(figure, choice)
    facts = {"weights": weights, "environment": machine.environment()}
    drawn = maps.draw(rows, _titled(number, figure, about))
    page = _page(figure.title, _made(number, figure, choice, about) | facts, drawn, maps.cells(rows))
    return Page(page.markdown, page.cells, page.plots | {f"figure{number}.npz": maps.arrays(rows)}, page.summary)


def _made(number: str, figure: Panel | Curves, choice: Choice, about: str) -> dict:
    return {"figure": number, "caption": about, "parameters": asdict(figure), "choice": asdict(choice)}


def _page(title: str, made: dict, drawn: Figure, cells: list[dict], notes: Sequence[str] = ()) -> Page:
    """The PNG, and next to it as JSON what made it."""
    number, about = made["figure"], made["caption"]
    markdown = "\n".join([f"# Figure {number}: {title}\n", f"{about}\n", *notes])
    files = {f"figure{number}.png": drawing.png(drawn, MOST), f"figure{number}.json": (json.dumps(made, indent=1) + "\n").encode()}
    return Page(markdown, cells, files)


def _titled(number: str, figure: Panel | Curves, about: str) -> str:
    return f"Figure {number}: {figure.title}. {about}"


def points(setting: CurveSetting, rows: Sequence[AnyRow]) -> list[CurvePoint]:
    """What was measured, one point per spot and metric, with its 95 % interval over pictures."""
    tallies = {key: tally(own) for key, own in by_trial(row for row in rows if isinstance(row, Answered)).items()}
    found = [(spot, tallies.get(spot.trial.key)) for spot in spots(setting)]
    return [point for spot, own in found if own is not None for point in _points(spot, own)]


def _points(spot: Spot, own: Tally) -> list[CurvePoint]:
    values = {metric: own.interval(metric, "" if metric == "accuracy" else EXPLAINER) for metric in spot.metrics}
    return [CurvePoint(spot, metric, value, own.n, own.sigma) for metric, value in values.items() if value is not None]


def draw(found: Sequence[CurvePoint], about: str) -> Figure:
    """a, b: both methods against the radius; c: ours against sigma; bars: 95 % intervals."""
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    places = figure.subplots(1, 3)
    for axes, (metric, title) in zip(places, AUCS.items(), strict=False):
        for number, method in enumerate(METHODS):
            _curve(axes, _of(found, RADIUS, metric, method), method, number, 0.15 * number)
        axes.set(title=title, xlabel="radius of PGD l_inf (of 255)", ylabel="AUC")
    for number, (metric, name) in enumerate(NAMES.items()):
        _curve(places[2], _of(found, SIGMA, metric, OURS), name, number + len(METHODS), number)
    places[2].set(title=f"c: {OURS}, sensitivity to sigma", xlabel="nominal sigma (of 255)", ylabel="share")
    for axes, against in zip(places, (RADIUS, RADIUS, SIGMA), strict=True):
        axes.set(ylim=(-0.02, 1.02), xticks=sorted({point.spot.at for point in found if point.spot.against == against}))
        axes.title.set_fontsize(10)
        axes.grid(True, alpha=0.3)
        axes.legend(fontsize=8)
    drawing.caption(figure, about)
    return figure


def _of(found: Sequence[CurvePoint], against: str, metric: str, method: str) -> list[CurvePoint]:
    return [point for point in found if (point.spot.against, point.metric, point.spot.method) == (against, metric, method)]


def _curve(axes: Axes, own: list[CurvePoint], name: str, colour: int, aside: float) -> None:
    """`aside` keeps one curve's bars from another's."""
    values = [point.value for point in own]
    reach = [[one.value - one.low for one in values], [one.high - one.value for one in values]]
    at, middles = [point.spot.at + aside for point in own], [one.value for one in values]
    axes.errorbar(at, middles, reach, marker="o", markersize=3, capsize=2, color=f"C{colour}", label=name)


def caption(figure: Panel | Curves, choice: Choice, n: int = 0) -> str:
    """What a reader has to know of the figure; `n`: pictures per point of curves. Our choices are named as ours."""
    made = preset(choice.preset)
    curves = isinstance(figure, Curves)
    shown, ours = (_of_curves(figure, n), "radii and sigmas") if curves else (_of_panel(figure, choice), "pictures and radii")
    return (
        f"Embedded world (digits on photographs, not the paper's data), task {figure.task}, {figure.backbone}. {shown} Preset {made.name}: real "
        f"noise {255 * made.level().sigma:.1f}/255, {made.draws} draws, maps fused by {made.fuse}. Attack: PGD l_inf, step rule "
        f"{made.rule_for(figure.task)}, random start, on the undefended network. Seed {choice.seed}. Backbone, {ours} are our choice."
    )


def _of_panel(figure: Panel, choice: Choice) -> str:
    numbers = ", ".join(map(str, choice.pictures))
    explained, outlined = "the label given, which an attack may change", "the labelled object"
    if any(column.of != "answer" for column in figure.columns):
        explained, outlined = "the class named", "in the picture the labelled object, on a map the explained one"
    return (
        f"n = {len(choice.pictures)} test pictures ({numbers}): examples, not a measurement. A map explains {explained}; 'says': the label "
        f"that the (defended) classifier gave, ✓ where right. Outlined: {outlined}. "
        f"Each map from its smallest cell to its largest; ≈: they differ by less than {FLAT:.0%}."
    )


def _of_curves(figure: Curves, n: int) -> str:
    return (
        f"n = {n} test pictures per point; bars: 95 % intervals over them. a, b: the undefended classifier's accuracy on the attacked picture "
        f"while its pixels are blackened, so both fall with the radius whatever the map. c: under PGD {figure.eps}/255; S_Faith and V_8 "
        f"against the clean picture's map."
    )
