"""What one run of the latency study is, and what its process gives back; both cross the border between two processes as JSON."""

from dataclasses import dataclass
from typing import Any

STUDY = "latency"
SHARE = 0.5  # of the rate of one picture after another: what `server` is offered unless --qps says otherwise
TARGET = 6.0  # times the median time of one picture alone: the limit of its 99th percentile unless --target-p99 says otherwise


@dataclass(frozen=True)
class Case:
    """`answer`: label, map (label and VTA's map) or an explainer (label and its map). `merge`: requests answered together at most.

    `qps`, `target_p99` (ms): the server's. `limit`: seconds after which the run counts as hung.
    """

    scenario: str
    answer: str
    merge: int
    session: str
    precision: str
    draws: int
    seconds: float
    qps: float | None
    target_p99: float | None
    device: str
    limit: float

    def __str__(self) -> str:
        return f"{self.scenario}, {self.answer}, {self.session} {self.precision}, {self.draws} draws, merging {self.merge}"


@dataclass(frozen=True)
class Job:
    """What the process is given. `artifact`: folder of the exported graph, None where the session takes none; `started`: wall-clock seconds.

    `loop`: single stream without LoadGen, which is not installed.
    """

    case: Case
    artifact: str | None
    started: float
    loop: bool

    @classmethod
    def read(cls, job: dict[str, Any]) -> "Job":
        case, rest = job["case"], {name: value for name, value in job.items() if name != "case"}
        return cls(Case(**case), **rest)


@dataclass(frozen=True)
class LoadRun:
    """What the process gives back. `log`: LoadGen's entries, key -> values; `latencies`: seconds of each query where LoadGen is not used.

    `answers`: picture -> label given; `labels`: the right ones; `merged`: requests in each group answered together; `failure`: the first one.
    """

    answers: dict[str, int]
    labels: list[int]
    merged: list[int]
    failure: str | None
    cold_start_seconds: float
    resident_begin: int
    resident_end: int
    peak_bytes: int
    offered_per_second: float | None
    target_p99: float | None
    facts: dict[str, Any]
    latencies: list[float] | None = None
    log: dict[str, list] | None = None


@dataclass(frozen=True)
class Checked:
    """The session of all runs. `parity`: with eager fp32, None: it is that; `largest`: draws of one call at most."""

    engine: str
    parity: dict[str, Any] | None
    largest: int

    @property
    def cosine(self) -> float | None:
        return None if self.parity is None else self.parity["cosine"]
