"""The classes of rows that hold seconds, bytes and what was answered while the clock ran; `bench/records/rows.py` has the others and all names."""

from typing import Any

from bench.records.row import Row


class Costed(Row, frozen=True, kw_only=True, tag="cost"):
    """What it costs to answer and explain `pictures` pictures together: noise, denoiser, classifier and one map; no loading, attack or metric.

    `seconds` and `joules`: of all of them, round by round after a warm-up; `joules` None: `why` the processor's counters cannot be read.
    """

    trial: dict[str, Any]
    explainer: str
    pictures: int
    seconds: list[float]
    joules: list[float] | None = None
    why: str = ""


class Rehearsed(Row, frozen=True, kw_only=True, tag="rehearsed"):
    """A trial on one picture, the loading of a session or a timing, in a rehearsal: seconds and bytes at the peak, measured and predicted."""

    trial: dict[str, Any]
    seconds: float
    predicted: float
    peak_bytes: int
    predicted_bytes: int


class Clocked(Row, frozen=True, kw_only=True, tag="clock"):
    """Seconds of one picture through each network, by name of the call and what it was of, as a rehearsal predicts from (`bench.trials.predict`)."""

    seconds: dict[str, float]


class Loaded(Row, frozen=True, kw_only=True, tag="loaded"):
    """A session on a network, checked: `facts` of the session, `parity` with eager fp32 (None: it is that), the file it came from."""

    session: str
    precision: str
    network_kind: str
    network: str
    fingerprint: str
    weights: str
    facts: dict[str, Any]
    parity: dict[str, Any] | None
    load_seconds: float
    flops: int
    file_precision: str | None = None
    opset: int | None = None
    bytes: int | None = None


class Timed(Row, frozen=True, kw_only=True, tag="timed"):
    """One round of one cell of Table 3: seconds of all its draws, complete and by stage; votes of each picture by label.

    `t`: step of the schedule; `sigma`: the noise really added, `believed`: the noise that the denoiser expects; `calls`: denoiser calls per draw.
    """

    run: dict[str, Any]
    round: int
    seconds: float
    stages: dict[str, float]
    device_stages: dict[str, float]
    votes: list[list[int]]
    batch: int
    t: int
    sigma: float
    believed: float
    calls: int
    peak_bytes: int


class ColdStart(Row, frozen=True, kw_only=True, tag="cold"):
    """The denoiser's first answer in a process of its own."""

    session: str
    precision: str
    import_seconds: float
    load_seconds: float
    first_call_seconds: float
    second_call_seconds: float
    peak_bytes: int


class Priced(Row, frozen=True, kw_only=True, tag="priced"):
    """One setting of the frontier. `votes`: clean or attacked -> level -> picture -> draws by label, of that level's own draws.

    `levels`: draws at the end of each level. `seconds`: of one draw of one picture, pictures in a row: the clean levels, then the attacked ones.
    `alone`: draws -> seconds of one picture alone, one per repetition. `cosine`, `topk`: likeness of each picture's map to eager fp32's.
    """

    session: str
    precision: str
    denoise: str
    labels: list[int]
    levels: list[int]
    votes: dict[str, list[list[list[int]]]]
    seconds: list[float]
    alone: dict[str, list[float]]
    sigma: float
    cosine: list[float] | None = None
    topk: list[float] | None = None


class Paired(Row, frozen=True, kw_only=True, tag="paired"):
    """Calls of a network in one session and precision, and as many of eager fp32 in turn, in seconds.

    `flops`, `bytes`, `reference_bytes`: of one call; what any implementation must compute, and move in `precision` and in fp32.
    """

    network: str
    batch: int
    session: str
    precision: str
    seconds: list[float]
    reference_seconds: list[float]
    flops: int
    bytes: int
    reference_bytes: int
    parity: dict[str, Any] | None
    facts: dict[str, Any]
    weights: str
    trained: bool


class Growth(Row, frozen=True, kw_only=True, tag="growth"):
    """Seconds per draw of one picture: number of draws -> stage -> round by round."""

    network: str
    session: str
    precision: str
    seconds: dict[str, dict[str, list[float]]]


class Threads(Row, frozen=True, kw_only=True, tag="threads"):
    """Seconds per call of OpenVINO by thread layout, round by round."""

    network: str
    precision: str
    seconds: dict[str, list[float]]


class Served(Row, frozen=True, kw_only=True, tag="served"):
    """One run of the latency study. `percentiles` in milliseconds; `answers`: picture -> label given, `labels`: the right ones."""

    case: dict[str, Any]
    percentiles: dict[str, float]
    queries: int
    pictures_per_second: float | None
    verdict: str
    why: str
    answers: dict[str, int]
    labels: list[int]
    merged: list[int]
    cold_start_seconds: float
    resident_begin: int
    resident_end: int
    peak_bytes: int
    offered_per_second: float | None
    target_p99: float | None
    facts: dict[str, Any] = {}


class Speed(Row, frozen=True, kw_only=True, tag="speed"):
    """What a benchmark of the runtime itself measured: seconds of the two sides of each pair, or `values` alone in `unit`."""

    name: str
    aim: str
    unit: str = ""
    values: list[float] = []
    numerator: list[float] = []
    denominator: list[float] = []
    facts: dict[str, Any] = {}
