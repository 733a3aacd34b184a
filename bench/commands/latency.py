"""What a service that answers with the defence would take.

Single stream, server and offline as MLPerf defines them, by its load generator
(not an MLPerf result), on the embedded world. Each run is a process of its
own. Writes latency.md and .csv.

All runs take about 20 minutes on 2 cores, one of them half a minute and more.

Examples:
  fvit latency --scenario single-stream --answer label
  fvit latency --session openvino --precision bf16
  fvit latency --scenario server --qps 5 --merge 1,4,8
"""

from typing import Annotated

from cyclopts import Parameter

from bench.commands._options import ANSWERS, SCENARIOS, Device, Precision, Results, Session, explainers
from bench.commands._types import Counts, Positive, Real, before_colon, names_of

Scenarios = Annotated[
    tuple[str, ...],
    Parameter(converter=names_of("scenario", SCENARIOS), metavar="A,B", help=f"several with commas: {', '.join(SCENARIOS)}"),
]
Answers = Annotated[
    tuple[str, ...],
    Parameter(
        converter=names_of("answer", lambda: (*ANSWERS, *explainers()), before_colon),
        metavar="A,B",
        help="label; map (label and vta's mean map); another explainer's map, as in vta:rules=chefer_bf16",
    ),
]


def run(
    *,
    scenario: Scenarios = SCENARIOS,
    answer: Answers = ANSWERS,
    draws: Annotated[Positive, Parameter(help="noisy copies of a picture")] = 10,
    session: Session = "ort",
    precision: Precision = "fp32",
    merge: Annotated[Counts, Parameter(help="requests answered together at most, where several wait")] = (1, 8),
    qps: Annotated[
        Real | None, Parameter(help="pictures a second offered to `server`", show_default="half of what single-stream manages")
    ] = None,
    target_p99: Annotated[
        Real | None, Parameter(metavar="MS", help="what the server's p99 may be", show_default="6 times single-stream's p50")
    ] = None,
    seconds: Annotated[Real, Parameter(help="least length of a run")] = 20.0,
    limit: Annotated[Real, Parameter(help="seconds after which a run counts as hung and is ended")] = 900.0,
    device: Device = None,
    results: Results = Results(),
) -> int:
    """Measures what is missing at this commit, writes latency.md and .csv, prints the page; 1 if a run failed."""
    from bench.commands import _latency

    one = _latency.LatencyRequest(scenario, answer, merge, session, precision, draws, seconds, qps, target_p99, device, limit)
    return _latency.run(one, results)
