"""How a processor's threads are shared out: the session `openvino` as it is against the same file arranged in other ways."""

from bench.records.clock import fixed_threads, seconds
from bench.studies.roofline.networks import Work
from bench.worlds.workbench import Workbench
from export.networks import example
from runtime.sessions.openvino import OpenVino

CHOSEN = "as it is: a request for each thread, pinned, shapes fixed"
CHOICES = {
    CHOSEN: {},
    "one request of all threads": {"requests": 1},
    "threads free to move": {"pinned": False},
    "shapes left open": {"fixed": False},
    "one request, shapes left open": {"requests": 1, "fixed": False},
}
ALONE = "one thread"


def measure(work: Work, precision: str, rounds: int, bench: Workbench) -> dict[str, list[float]]:
    """Seconds of a call of `work` in each arrangement, all of them in turn, `rounds` times, after one call that is not counted."""
    artifact = bench.load("openvino", precision, work.kind).artifact
    assert artifact is not None
    source = artifact.at(precision)
    sessions = {name: OpenVino(source, bench.device, **options) for name, options in CHOICES.items()}
    with fixed_threads(1):
        sessions[ALONE] = OpenVino(source, bench.device)
    inputs = example(bench.network(work.kind, "fp32"), work.batch)
    found: dict[str, list[float]] = {name: [] for name in sessions}
    for session in sessions.values():
        session(*inputs)
    for _ in range(rounds):
        for name, session in sessions.items():
            found[name].append(seconds(lambda session=session: session(*inputs), bench.device))
    return found
