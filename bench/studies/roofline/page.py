"""The page of `fvit roofline`, from rows alone."""

from collections.abc import Sequence
from statistics import median

from bench.pages.page import NONE, Page, heading, missing, ratio, section, table
from bench.records import stats
from bench.records.campaign import head_of, latest, machines_of
from bench.records.rows import AnyRow, Failed, Growth, Head, Machine, Paired, Threads
from bench.records.stats import Interval
from bench.studies.roofline.networks import GROWTH, NETWORKS, PAIR, REFERENCE, STUDY, THREADS, Timing

AIMED = ("bf16", "int8")  # the columns of the summary
COLUMNS = ("session", "precision", "pairs", "ms per call", "of eager fp32", "aimed at", "share of the ceiling", "cosine", "equal labels")
READING = """## How to read it

- A pair is one call of the candidate and one of eager fp32 on the same inputs, in turn; the ratio is the median over pairs with its 95 %
  interval by order statistics (below six pairs: the whole range). Loading, exporting and parity are outside.
- The share of the ceiling is the least time that this machine's fastest measured product of that precision and its bandwidth allow, over the
  median measured. It counts matrix products, convolutions and attention. Convolutions by Winograd do fewer operations than are counted.
- "Aimed at" is this project's own target, set before it was measured. Everything timed has passed parity with eager fp32 first.
- Random weights: times mean something, accuracy does not. Labels are compared on pictures only where weights were trained.
- Of every network, batch, session and precision the newest measurement is shown, below the machine and the commit that it was made with.
"""


def newest(rows: Sequence[AnyRow]) -> list[AnyRow]:
    """Of each key the newest row over all campaigns of the study, with the head and the machines of its campaign."""
    latest(rows, STUDY)  # refuses a folder without any
    names = {row.campaign for row in rows if isinstance(row, Head) and row.study == STUDY}
    last = {row.key: row for row in rows if row.campaign in names and not isinstance(row, Head | Machine)}
    shown = {row.campaign for row in last.values()}
    return [row for row in rows if row.campaign in shown and (isinstance(row, Head | Machine) or last[row.key] is row)]


def render(rows: Sequence[AnyRow]) -> Page:
    """The page of rows that `newest` chose, campaign by campaign; one cell for each pair."""
    campaigns = {row.campaign: [one for one in rows if one.campaign == row.campaign] for row in rows if isinstance(row, Head)}
    parts = ["# Roofline\n", summary(rows)]
    parts += [_campaign(number, part) for number, part in enumerate(campaigns.values(), 1)]
    cells = [cell for part in campaigns.values() for cell in _cells(part)]
    return Page("\n".join([*parts, READING]), cells, summary="\n".join(parts[:2]))


def summary(rows: Sequence[AnyRow]) -> str:
    """Each network's fastest session in each precision that something was aimed at."""
    pairs, lines = [row for row in rows if isinstance(row, Paired)], []
    for name, batch in dict.fromkeys((row.network, row.batch) for row in pairs):
        group = [row for row in pairs if (row.network, row.batch) == (name, batch)]
        middle = median(value for row in group for value in row.reference_seconds)
        lines.append((f"{NETWORKS[name].title}, batch {batch}", f"{middle * 1e3:.4g}", *(_fastest(group, one) for one in AIMED)))
    return table(("network", "eager fp32, ms", *(f"fastest in {precision}, of eager fp32" for precision in AIMED)), lines)


def _fastest(pairs: Sequence[Paired], precision: str) -> str:
    group = [row for row in pairs if row.precision == precision]
    if not group:
        return NONE
    best = min(group, key=lambda row: _ratio(row).value)
    value, aim = _ratio(best).value, NETWORKS[best.network].aims.get(precision)
    aimed = f"; aimed at 1/{1 / aim:g}: {'met' if value <= aim else 'missed'}" if aim else ""
    return f"{best.session} {value:.3f} (1/{1 / value:.1f}){aimed}"


def _campaign(number: int, rows: Sequence[AnyRow]) -> str:
    """What the rows of one campaign say, below what they were measured with."""
    head, machines = head_of(rows), machines_of(rows)
    timings = {row.key: _timing(row) for row in rows if not isinstance(row, Head | Machine)}
    parts = [
        "#" + heading(f"Measurements {number}", head, machines, f"device {head.settings['device']}, {head.settings['pairs']} pairs at most")
    ]
    parts.append(_ceilings(machines))
    for name, batch in dict.fromkeys((one.network, one.batch) for one in timings.values()):
        group = [row for row in rows if row.key in timings and (timings[row.key].network, timings[row.key].batch) == (name, batch)]
        title = NETWORKS[name].title + (f", batch {batch}" if batch else ": growth and thread layouts")
        parts.append("#" + section(title, *(_pairs(group, machines) if batch else _more(group))))
    return "\n".join(parts)


def _timing(row: AnyRow) -> Timing:
    """What a row measured, or was to measure."""
    if isinstance(row, Failed):
        return Timing(**row.subject)
    if isinstance(row, Paired):
        return Timing(PAIR, row.network, row.batch, row.session, row.precision)
    assert isinstance(row, Growth | Threads)
    return Timing(GROWTH if isinstance(row, Growth) else THREADS, row.network, precision=row.precision)


def _ceilings(machines: Sequence[Machine]) -> str:
    """The fastest products and the bandwidth of each machine."""
    precisions = dict.fromkeys(precision for machine in machines for precision in machine.ceilings)
    lines = [
        (
            f"{precision} product, billion operations per second",
            *(f"{machine.ceilings.get(precision, 0) / 1e9:,.0f}" for machine in machines),
        )
        for precision in precisions
    ]
    lines.append(("memory bandwidth, GB/s", *(f"{(machine.bandwidth or 0) / 1e9:.1f}" for machine in machines)))
    return table(("at most", *(machine.machine for machine in machines)), lines)


def _pairs(rows: Sequence[AnyRow], machines: Sequence[Machine]) -> list[str]:
    """The table of one network at one batch, eager fp32 first, and why some candidates have no number."""
    timed = [row for row in rows if isinstance(row, Paired)]
    weights = timed[0].weights if timed else "none loaded"
    lines = [_reference(timed, machines), *(_line(row, machines) for row in rows)]
    reasons = [f"- {_engine(row)}: {row.missing.reason}" for row in rows if isinstance(row, Failed)]
    return [f"Weights: {weights}.\n", table(COLUMNS, lines), *(["\n".join(reasons) + "\n"] if reasons else [])]


def _engine(row: AnyRow) -> str:
    timing = _timing(row)
    return f"{timing.session} {timing.precision}"


def _reference(timed: Sequence[Paired], machines: Sequence[Machine]) -> tuple:
    """Eager fp32 itself, over the pairs of all candidates."""
    if not timed:
        return (*REFERENCE, "", NONE, "", "", "", "", "")
    times = stats.median([value for row in timed for value in row.reference_seconds])
    share = _least(timed[0], REFERENCE[1], timed[0].reference_bytes, machines) / times.value
    return (*REFERENCE, "", _milliseconds(times), "1", "", f"{share:.0%}", "", "")


def _line(row: AnyRow, machines: Sequence[Machine]) -> tuple:
    if not isinstance(row, Paired):
        assert isinstance(row, Failed)
        timing = _timing(row)
        return timing.session, timing.precision, "", missing(row.missing), "", "", "", "", ""
    times, compared, aim = stats.median(row.seconds), _ratio(row), NETWORKS[row.network].aims.get(row.precision)
    parity = row.parity or {}
    labels = parity.get("labels")
    return (
        row.session, row.precision, len(row.seconds), _milliseconds(times), f"{ratio(compared)} (1/{1 / compared.value:.1f})",
        f"1/{1 / aim:g}" if aim else "", f"{_share(row, machines):.0%}", f"{parity['cosine']:.5f}" if parity else "",
        f"{labels:.1%}" if row.trained and labels is not None else "",
    )  # fmt: skip


def _cells(rows: Sequence[AnyRow]) -> list[dict]:
    machines, cells = machines_of(rows), []
    for row in rows:
        if isinstance(row, Head | Machine) or (timing := _timing(row)).what != PAIR:
            continue
        cell = {"network": timing.network, "batch": timing.batch, "session": timing.session, "precision": timing.precision}
        if isinstance(row, Failed):
            cells.append(cell | {"reason": row.missing.reason})
            continue
        assert isinstance(row, Paired)
        times, compared, parity = stats.median(row.seconds), _ratio(row), row.parity or {}
        cells.append(cell | {
            "reason": "", "seconds": times.value, "low": times.low, "high": times.high, "ratio": compared.value, "ratio_low": compared.low,
            "ratio_high": compared.high, "aimed_at": NETWORKS[row.network].aims.get(row.precision), "roofline_share": _share(row, machines),
            "flops": row.flops, "cosine": parity.get("cosine"), "labels": parity.get("labels"), "pairs": len(row.seconds),
        })  # fmt: skip
    return cells


def _ratio(row: Paired) -> Interval:
    return stats.ratio(row.seconds, row.reference_seconds)


def _milliseconds(times: Interval) -> str:
    return f"{times.value * 1e3:.4g} [{times.low * 1e3:.4g}, {times.high * 1e3:.4g}]"


def _share(row: Paired, machines: Sequence[Machine]) -> float:
    """The least time that the machine allows, over the median measured."""
    return _least(row, row.precision, row.bytes, machines) / median(row.seconds)


def _least(row: Paired, precision: str, moved: int, machines: Sequence[Machine]) -> float:
    """max(operations / ceiling of the precision, bytes / bandwidth), in seconds, of the machine that measured the row."""
    machine = next(one for one in machines if one.machine == row.machine)
    return max(row.flops / machine.ceilings[precision], moved / machine.bandwidth if machine.bandwidth else 0.0)


def _more(rows: Sequence[AnyRow]) -> list[str]:
    """What was measured once for a network: growth and thread layouts."""
    texts = []
    for row in rows:
        if isinstance(row, Failed):
            texts.append(f"- {_timing(row).what}: {row.missing.reason}\n")
        else:
            texts += [_growth(row)] if isinstance(row, Growth) else [_threads(row)] if isinstance(row, Threads) else []
    return texts


def _growth(row: Growth) -> str:
    """Medians over the rounds, whole and by stage; the last column is the ratio within a round."""
    counts = sorted(row.seconds, key=int)
    first, last = row.seconds[counts[0]], row.seconds[counts[-1]]
    lines = [
        (stage, *(f"{median(row.seconds[count][stage]) * 1e3:.3f}" for count in counts), ratio(stats.ratio(last[stage], first[stage])))
        for stage in first
    ]
    names = (
        "per draw of one picture, ms",
        *(f"m = {int(count):,}" for count in counts),
        f"last / first, {len(first['whole'])} rounds",
    )
    title = f"As many draws of one picture in {row.session} {row.precision}, without a map (aimed at: within 5 % of constant):"
    return f"{title}\n\n{table(names, lines)}"


def _threads(row: Threads) -> str:
    """Each thread layout's median and its ratio to the first one, round by round."""
    first = next(iter(row.seconds.values()))
    lines = [(name, f"{median(times) * 1e3:.4g}", ratio(stats.ratio(times, first))) for name, times in row.seconds.items()]
    return f"Thread layouts of openvino {row.precision}, the same draw:\n\n" + table(("layout", "ms per call", "of the first"), lines)
