"""The process of one run: loads the chain that passed parity before, answers the queries of one scenario, gives back what it measured.

A query is one picture with all its draws. The main thread takes the requests that wait, up to `merge` of them, and answers them together:
no request waits for others to come. LoadGen hangs for ever on a query that nobody answers and dies of an exception in its callback, so every
query gets an answer, -1 where the chain failed, and the first failure is kept and reported.
"""

import array
import json
import queue
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import torch

from bench.records.clock import PeakMemory, now, settle, wall
from bench.studies.latency.case import SHARE, TARGET, Case, Job, LoadRun
from bench.worlds import defence as defences
from bench.worlds import world as worlds
from bench.worlds.defence import Defence, even_batch
from bench.worlds.workbench import Engine, Workbench
from runtime.chain import Draws, Explained
from runtime.diffusion import schedule
from runtime.maps import explain

PICTURES = 60  # test pictures, in turn
FAILED = -1
REPETITIONS = 6  # of a trial; the first is not counted
OFFLINE = 1.3  # LoadGen makes as many queries as last long enough at so many times the rate measured
QUERIES = {"single-stream": 64, "server": 480, "offline": 1}  # LoadGen believes p90 from 64 on and p99 from 459 on
DETAIL, ENTRY = "mlperf_log_detail.txt", ":::MLLOG "


def main(job: dict[str, Any]) -> dict[str, Any]:
    """Serves one scenario. The chain works in one thread from first to last."""
    asked = Job.read(job)
    case, server = asked.case, Server(asked)
    alone = server.seconds(1)
    if case.scenario == "server":
        case = replace(case, qps=case.qps or SHARE / alone, target_p99=case.target_p99 or TARGET * alone * 1e3)
    rate = max(1.0 / alone, case.merge / server.seconds(case.merge))
    service, memory = Service(server.answer, case.merge), psutil.Process()
    begin = memory.memory_info().rss
    result = drive(loop if asked.loop else loadgen, case, service, rate)
    outcome = LoadRun(
        {str(number): label for number, label in service.answers.items()}, server.labels, service.merged, service.failure,
        server.cold_start, begin, memory.memory_info().rss, PeakMemory().read(), case.qps, case.target_p99, server.facts,
    )  # fmt: skip
    return asdict(replace(outcome, latencies=result.latencies, log=result.log))


class Server:
    """The embedded world's DDS behind one call: numbers of pictures -> labels."""

    def __init__(self, job: Job):
        settle()
        case = job.case
        device, engine, world = torch.device(case.device), Engine(case.session, case.precision), worlds.open("embedded")
        bench = Workbench(world, None, device)
        bench.adopt(engine, "classify_draws", Path(job.artifact) if job.artifact else None)
        level = schedule.level(bench.denoiser.schedule, world.noise, "cumulative")
        chain = defences.chain(bench, Defence("dds", level), engine)
        pictures = world.pictures(world.scene.task, "test", range(PICTURES), bench.backbone)
        images, self.labels = pictures.images.to(device), pictures.labels.tolist()
        name = "vta" if case.answer == "map" else case.answer
        maps = None if name == "label" else Explained({name: explain.build(name, bench.backbone)})

        def answer(numbers: Sequence[int]) -> list[int]:
            draws = Draws(case.draws, batch=even_batch(len(numbers) * case.draws))
            return chain(images[list(numbers)], list(numbers), draws, maps).votes.argmax(1).tolist()

        self.answer, self.facts = answer, bench.load(engine, "classify_draws").facts
        for count in range(1, case.merge + 1):  # every size that will come, for a session that prepares each of them
            answer(range(count))
        self.cold_start = wall() - job.started

    def seconds(self, pictures: int) -> float:
        """The median of a few answers to so many pictures together, after one that is not counted."""
        times = []
        for _ in range(REPETITIONS):
            start = now()
            self.answer(range(pictures))
            times.append(now() - start)
        return sorted(times[1:])[2]


class Service:
    """A queue, answered by whoever calls `work`; `respond(ids, labels)` is called with each group of answers."""

    def __init__(self, answer: Callable[[Sequence[int]], list[int]], merge: int):
        self._answer, self._merge, self._waiting = answer, merge, queue.SimpleQueue()
        self.answers: dict[int, int] = {}
        self.merged: list[int] = []  # how many were answered together
        self.failure: str | None = None
        self.respond: Callable[[Sequence[int], Sequence[int]], None] = lambda ids, labels: None

    def put(self, ids: Sequence[int], numbers: Sequence[int]) -> None:
        for pair in zip(ids, numbers, strict=True):
            self._waiting.put(pair)

    def stop(self) -> None:
        """What waits already is answered before `work` returns."""
        self._waiting.put(None)

    def work(self) -> None:
        while (group := self._next()) is not None:
            ids, numbers = zip(*group, strict=True)
            try:
                labels = self._answer(numbers)
            except Exception as error:  # an unanswered query would hang LoadGen: answer, keep the reason, fail at the end
                self.failure, labels = self.failure or f"{type(error).__name__}: {error}", [FAILED] * len(ids)
            self.answers.update(zip(numbers, labels, strict=True))
            self.merged.append(len(ids))
            self.respond(ids, labels)

    def _next(self) -> list[tuple[int, int]] | None:
        """The requests that wait now, `merge` at most; waits for the first. None: stop."""
        first = self._waiting.get()
        if first is None:
            return None
        group = [first]
        while len(group) < self._merge and not self._waiting.empty():
            following = self._waiting.get()
            if following is None:
                self._waiting.put(None)
                break
            group.append(following)
        return group


@dataclass(frozen=True)
class ServedQueries:
    """What a scenario gives: LoadGen's log, or the seconds of each query of the loop."""

    latencies: list[float] | None = None
    log: dict[str, list] | None = None


Scenario = Callable[[Case, Service, float], ServedQueries]


def drive(scenario: Scenario, case: Case, service: Service, rate: float) -> ServedQueries:
    """Runs `scenario` in a thread of its own against `service`, which works in this one and stops whatever becomes of the scenario."""

    def ask() -> ServedQueries:
        try:
            return scenario(case, service, rate)
        finally:
            service.stop()

    with ThreadPoolExecutor(1) as caller:
        asked = caller.submit(ask)
        service.work()
        return asked.result()


def loop(case: Case, service: Service, rate: float) -> ServedQueries:
    """Single stream without LoadGen: the next picture as soon as the last is answered, for the time asked."""
    answered, latencies = threading.Event(), []
    service.respond = lambda ids, labels: answered.set()
    end = now() + case.seconds
    while now() < end or not latencies:
        start = now()
        answered.clear()
        service.put([len(latencies)], [len(latencies) % PICTURES])
        answered.wait()
        latencies.append(now() - start)
    return ServedQueries(latencies=latencies)


def loadgen(case: Case, service: Service, rate: float) -> ServedQueries:
    """One scenario by MLPerf LoadGen; `rate`: pictures per second that the chain can answer."""
    import mlperf_loadgen as lg  # type: ignore[import-not-found]

    settings = lg.TestSettings()
    settings.mode = lg.TestMode.PerformanceOnly
    settings.min_duration_ms, settings.min_query_count = int(case.seconds * 1000), QUERIES[case.scenario]
    if case.scenario == "single-stream":
        settings.scenario, settings.single_stream_expected_latency_ns = lg.TestScenario.SingleStream, int(1e9 / rate)
    elif case.scenario == "server":
        assert case.qps is not None and case.target_p99 is not None
        settings.scenario, settings.server_target_qps = lg.TestScenario.Server, case.qps
        settings.server_target_latency_ns, settings.server_target_latency_percentile = int(case.target_p99 * 1e6), 0.99
    else:
        settings.scenario, settings.offline_expected_qps = lg.TestScenario.Offline, OFFLINE * rate

    def respond(ids: Sequence[int], labels: Sequence[int]) -> None:
        buffers = [array.array("i", [label]) for label in labels]  # they must outlive the call
        lg.QuerySamplesComplete([lg.QuerySampleResponse(i, *b.buffer_info()) for i, b in zip(ids, buffers, strict=True)])

    service.respond = respond
    with tempfile.TemporaryDirectory() as folder:
        output, logs = lg.LogOutputSettings(), lg.LogSettings()
        output.outdir, output.copy_summary_to_stdout = folder, False
        logs.log_output, logs.enable_trace = output, False
        tested = lg.ConstructSUT(lambda samples: service.put([s.id for s in samples], [s.index for s in samples]), lambda: None)
        library = lg.ConstructQSL(PICTURES, PICTURES, lambda numbers: None, lambda numbers: None)
        lg.StartTestWithLogSettings(tested, library, settings, logs, "")
        lg.DestroyQSL(library)
        lg.DestroySUT(tested)
        return ServedQueries(log=entries((Path(folder) / DETAIL).read_text()))


def entries(log: str) -> dict[str, list]:
    """The entries of LoadGen's detail log: key -> values, in their order; other lines are left out."""
    values: dict[str, list] = {}
    for line in log.splitlines():
        if line.startswith(ENTRY):
            entry = json.loads(line.removeprefix(ENTRY))
            values.setdefault(entry["key"], []).append(entry["value"])
    return values
