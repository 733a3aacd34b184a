"""Figure 3: perturbation AUCs of VTA and of ours against the attack's radius, and what the defence's sigma changes; all from looks."""

from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.pages import drawing as panels
from bench.protocols import OURS
from bench.records.stats import wilson
from bench.studies.figures.catalogue import Asked, Curves
from bench.trials import campaign as tabling
from bench.trials.run import Look, Looker

METHODS = {"VTA": "none", OURS: "dds"}
AUCS = {"positive_auc": "a: positive perturbation AUC (small is good)", "negative_auc": "b: negative perturbation AUC (large is good)"}
SENSITIVE = {"accuracy": "accuracy", "s_faith": "S_Faith", "topk": "V_8"}


def rows(looker: Looker, figure: Curves, asked: Asked) -> list[dict]:
    """A row a point, with its 95 % interval over pictures."""
    clean = Look(figure.backbone, figure.task, asked.n, asked.preset, explainers=("vta",), seed=asked.seed)
    found = []
    for radius in figure.radii:
        for method, defence in METHODS.items():
            look = replace(clean, defence=defence, perturbed=True)
            row = _row(looker, replace(look, attack="pgd", eps=radius) if radius else look)
            found += [_point(row, "radius", radius, method, metric) for metric in AUCS]
    for sigma in figure.sigmas:
        row = _row(looker, replace(clean, attack="pgd", eps=figure.eps, defence="dds", sigma=sigma, reference=True))
        found += [_point(row, "sigma", sigma, OURS, metric) for metric in SENSITIVE]
    return found


def _row(looker: Looker, look: Look) -> dict:
    looker.say(tabling.told(look) + (f", nominal sigma {look.sigma}/255" if look.sigma else ""))
    return looker.row(look)


def _point(row: dict, against: str, at: int, method: str, metric: str) -> dict:
    value, low, high = wilson(row["hits"], row["n"]) if metric == "accuracy" else row["maps"]["vta"][metric]
    noise = "" if row["real_sigma"] is None else row["real_sigma"]
    return {
        "against": against, "at_255": at, "method": method, "metric": metric, "value": round(value, 5), "low": round(low, 5),
        "high": round(high, 5), "n": row["n"], "real_sigma_255": noise, "radius_255": row["look"]["eps"], "key": row["key"],
    }  # fmt: skip


def draw(found: list[dict], about: str) -> Figure:
    """a, b: both methods against the radius; c: ours against sigma; bars: 95 % intervals."""
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    places = figure.subplots(1, 3)
    for axes, (metric, title) in zip(places, AUCS.items(), strict=False):
        for number, method in enumerate(METHODS):
            points = [row for row in found if row["metric"] == metric and row["method"] == method]
            _curve(axes, points, method, number, 0.15 * number)
        axes.set(title=title, xlabel="radius of PGD l_inf (of 255)", ylabel="AUC")
    for number, (metric, name) in enumerate(SENSITIVE.items()):
        points = [row for row in found if row["against"] == "sigma" and row["metric"] == metric]
        _curve(places[2], points, name, number + len(METHODS), number)
    places[2].set(title=f"c: {OURS}, sensitivity to sigma", xlabel="nominal sigma (of 255)", ylabel="share")
    for axes, ticks in zip(places, ("radius", "radius", "sigma"), strict=True):
        axes.set(ylim=(-0.02, 1.02), xticks=sorted({row["at_255"] for row in found if row["against"] == ticks}))
        axes.title.set_fontsize(10)
        axes.grid(True, alpha=0.3)
        axes.legend(fontsize=8)
    panels.caption(figure, about)
    return figure


def _curve(axes: Axes, points: list[dict], name: str, colour: int, aside: float) -> None:
    """`aside` keeps one curve's bars from another's."""
    reach = [[row["value"] - row["low"] for row in points], [row["high"] - row["value"] for row in points]]
    at, values = [row["at_255"] + aside for row in points], [row["value"] for row in points]
    axes.errorbar(at, values, reach, marker="o", markersize=3, capsize=2, color=f"C{colour}", label=name)
