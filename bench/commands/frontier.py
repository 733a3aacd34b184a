"""Accuracy, certificates and maps against cost, by setting.

A setting is a session, a precision, a denoiser and a number of draws; all are
measured on the same pictures and noise. Writes frontier.md, .csv and .png;
fvit plan answers from its rows. A setting that cannot run here gets its reason.

50 pictures in all settings take about an hour on 2 cores; the same command
continues a run that was stopped.

Examples:
  fvit frontier --n 20 --session ort --precision fp32
  fvit frontier --denoise one_shot,blur --for 30min
  fvit frontier --from-rows
"""

from typing import Annotated

from cyclopts import Parameter

from bench.commands._options import STEPPED, Device, Precisions, Results, Sessions
from bench.commands._types import Positive, names_of

SESSIONS = ("ort", "eager", "compiled", "openvino")
Denoisers = Annotated[
    tuple[str, ...],
    Parameter(
        converter=names_of("denoiser", STEPPED),
        metavar="A,B",
        help=f"{', '.join(STEPPED)}; all but one_shot in the first session and precision",
        show_default="all",
    ),
]


def run(
    *,
    n: Annotated[Positive, Parameter(help="test pictures")] = 50,
    session: Sessions = SESSIONS,
    precision: Precisions = ("fp32", "bf16", "int8"),
    denoise: Denoisers = STEPPED,
    device: Device = None,
    results: Results = Results(),
) -> int:
    """Measures what is missing at this commit, writes the page, prints it; 1 if a setting failed that could have run."""
    from bench.commands import _frontier
    from bench.worlds.workbench import require_sessions

    if session != SESSIONS and not results.from_rows:  # named by the user: one that cannot run here is an error, not a reason in a row
        require_sessions(session)
    return _frontier.run(_frontier.points(session, precision, denoise), n, device, results)
