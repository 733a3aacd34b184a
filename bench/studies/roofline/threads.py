"""Thread layouts: the session `openvino` as it is against the same file with its threads, requests and shapes set in other ways."""

from bench.records.clock import fixed_threads, seconds
from bench.worlds.workbench import Engine, Workbench
from export.networks import example
from runtime.sessions.openvino import OpenVino

CHOSEN = "as it is: one request per thread, pinned, shapes fixed"
LAYOUTS = {
    CHOSEN: {},
    "one request of all threads": {"requests": 1},
    "threads free to move": {"pinned": False},
    "shapes left open": {"fixed": False},
    "one request, shapes left open": {"requests": 1, "fixed": False},
}
ALONE = "one thread"


def measure(bench: Workbench, kind: str, precision: str, batch: int, rounds: int) -> dict[str, list[float]]:
    """Seconds per call of the network `kind` in each layout, all of them in turn, `rounds` times, after one call that is not counted."""
    artifact = bench.load(Engine("openvino", precision), kind).artifact
    assert artifact is not None
    source = artifact.at(precision)
    sessions = {name: OpenVino(source, bench.device, **options) for name, options in LAYOUTS.items()}
    with fixed_threads(1):
        sessions[ALONE] = OpenVino(source, bench.device)
    inputs = example(bench.network(kind), batch)
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for session in sessions.values():
        session(*inputs)
    for _ in range(rounds):
        for name, session in sessions.items():
            times[name].append(seconds(lambda session=session: session(*inputs), bench.device))
    return times
