"""The frontier as table, plot and sentences, from rows alone."""

from collections.abc import Sequence
from dataclasses import asdict

from matplotlib.figure import Figure

from bench.pages import drawing
from bench.pages.compare import Number
from bench.pages.page import NONE, Page, heading, missing, number, section, share, table
from bench.records.campaign import head_of, machines_of
from bench.records.rows import AnyRow, Failed, Priced
from bench.studies.frontier.costs import ALPHA, RADIUS, SELECTION, Cost, certified, cheapest, costs
from bench.studies.frontier.settings import FrontierSettings

SHOWN = (1, 10, 100, None)  # draws
PLOT, MOST = "frontier.png", 60_000  # bytes of the plot
READING = """- Accuracy under attack: PGD 8/255 on the undefended network, the paper's transfer attack; attacks through the defence are in Table 10.
- Certified: the right label with an l2 radius of at least {radius} sigma, wrong with probability {alpha} at most; the first {selection} draws
  choose the label, the others certify it. `adaptive`: draws until it is certain which label the smoothed classifier gives, {most} at most; the
  number in brackets is the mean over pictures, clean and attacked; the answer is the majority of the draws made.
- Maps: VTA's mean over {mapped} draws compared with eager fp32's on the same draws; explainers run in eager fp32 in every session.
- Milliseconds: time to a label, noise and votes included. `ms per picture`: pictures in a row that share batches of ten, the number of draws
  times the median time of one draw. `ms alone`: one picture at a time, which `fvit plan --latency` goes by; measured at {alone} draws.
- `front`: no cheaper setting is as good under attack. Intervals are Wilson's, 95 %; one point of accuracy is one picture in a hundred.
"""


def render(rows: Sequence[AnyRow]) -> Page:
    head, settings = head_of(rows), costs(rows)
    asked = FrontierSettings(**head.settings)
    pictures = settings[0].n if settings else asked.n
    of_what = f"{pictures} test pictures of `{asked.task}`, seed 0, real noise {255 * asked.sigma:.0f}/255"
    reasons = [f"- {row.key}: {missing(row.missing)}: {row.missing.reason}" for row in rows if isinstance(row, Failed)]
    names = (
        "session", "denoiser", "draws", "ms per picture", "ms alone", "clean", "attacked", "certified", "map cosine", f"map V_{asked.cells}",
        "front",
    )  # fmt: skip
    lines = [_line(cost) for cost in settings if cost.draws in SHOWN or cost.front]
    reading = READING.format(
        radius=RADIUS, alpha=ALPHA, selection=SELECTION, most=max(asked.levels), mapped=asked.mapped, alone=", ".join(map(str, asked.alone))
    )
    parts = [
        heading("The frontier: accuracy against time", head, machines_of(rows), of_what),
        *(f"**{sentence}**\n" for sentence in sentences(rows)),
        table(names, lines) if lines else "No setting has a number.\n",
        *(["\n".join(reasons) + "\n"] if reasons else []),
        section("How to read it", reading),
    ]
    plots = {PLOT: plot(settings)} if settings else {}
    return Page("\n".join(parts), [_cell(cost) for cost in settings], plots, numbers=_numbers(settings), says=tuple(sentences(rows)))


def _numbers(settings: Sequence[Cost]) -> dict[str, Number]:
    """The shares of every setting."""
    shares = {(str(cost), name): getattr(cost, name) for cost in settings for name in ("clean", "attacked", "certified")}
    return {f"{cost}, {name}": Number(interval) for (cost, name), interval in shares.items() if interval is not None}


def sentences(rows: Sequence[AnyRow]) -> list[str]:
    """What the table answers, in words."""
    settings, lines = costs(rows), []
    shares = ("under PGD 8/255", lambda cost: cost.attacked), (f"certified at {RADIUS} sigma", lambda cost: cost.certified)
    for words, of in shares:
        if answer := cheapest(settings, of):
            cost, value, best = answer
            lines.append(
                f"The cheapest setting within 1 point of the best {words} ({best:.3f}) is {cost}: {value:.3f} at "
                f"{number(cost.seconds * 1e3)} ms per picture."
            )
    return lines + certificates(rows)


def certificates(rows: Sequence[AnyRow]) -> list[str]:
    """How many pictures' certificates another precision changes, with the most draws."""
    one_shot = [row for row in rows if isinstance(row, Priced) and row.denoise == "one_shot"]
    exact = next((row for row in one_shot if row.precision == "fp32"), None)
    if exact is None or (wanted := certified(exact, exact.levels[-1])) is None:
        return []
    others = {f"{row.session} {row.precision}": certified(row, row.levels[-1]) for row in one_shot if row.precision != "fp32"}
    changed = ", ".join(f"{name} {int((bits != wanted).sum())}" for name, bits in others.items() if bits is not None)
    pictures = f"of {len(wanted)} pictures at {exact.levels[-1]} draws"
    return [f"Certificates that differ from those of {exact.session} fp32, {pictures}: {changed}."] if changed else []


def _line(cost: Cost) -> tuple:
    draws = f"adaptive ({cost.mean_draws:.1f})" if cost.draws is None else cost.draws
    alone = NONE if cost.alone is None else number(cost.alone * 1e3)
    likeness = (NONE if value is None else f"{value:.4f}" for value in (cost.cosine, cost.topk))
    return (
        f"{cost.session} {cost.precision}", cost.denoise.replace("_", "-"), draws, number(cost.seconds * 1e3), alone, share(cost.clean),
        share(cost.attacked), NONE if cost.certified is None else share(cost.certified), *likeness, "yes" if cost.front else "",
    )  # fmt: skip


def _cell(cost: Cost) -> dict:
    """One record for each setting and number of draws, intervals in three columns."""
    record = {}
    for name, value in asdict(cost).items():
        if name in ("clean", "attacked", "certified"):
            record |= dict(zip((name, f"{name}_low", f"{name}_high"), value or (None,) * 3, strict=True))
        else:
            record[name] = value
    return record | {"draws": "adaptive" if cost.draws is None else cost.draws}


def plot(settings: Sequence[Cost]) -> bytes:
    """Accuracy under attack against milliseconds per picture, one line for each setting, the front drawn thick."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    fixed = [cost for cost in settings if cost.draws is not None]
    for i, setting in enumerate(dict.fromkeys(cost.setting for cost in fixed)):
        line = [cost for cost in fixed if cost.setting == setting]
        style = "-" if line[0].denoise == "one_shot" else ":"
        axes.plot(*_points(line), style, marker=".", color=f"C{i % 10}", label=setting)
    front = sorted((cost for cost in settings if cost.front), key=lambda cost: cost.seconds)
    axes.plot(*_points(front), "k-", linewidth=3, alpha=0.25, label="front")
    axes.set(
        xscale="log", xlabel="milliseconds per picture", ylabel="accuracy under PGD 8/255", title="Embedded world: accuracy against time"
    )
    axes.grid(True, alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=7)
    return drawing.png(figure, MOST)


def _points(line: Sequence[Cost]) -> tuple[list[float], list[float]]:
    return [cost.seconds * 1e3 for cost in line], [cost.attacked.value for cost in line]
