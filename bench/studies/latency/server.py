"""The child process of `fvit latency`: loads the chain that passed parity before, answers LoadGen's queries, writes down what it saw.

A query is one picture with all its draws. The main thread takes the requests that wait, up to `merge` of them, and answers them together:
no request waits for others to come. LoadGen hangs for ever on a query that nobody answers and dies of an exception in its callback, so every
query gets an answer, -1 where the chain failed, and the first failure is kept and told.
"""

import array
import json
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PICTURES = 60  # test pictures, in turn
FAILED = -1


def main(job: dict, folder: Path) -> None:
    """Serves one scenario; `folder` gets answers.json, and LoadGen's own logs. The chain works in one thread from first to last."""
    chain = Chain(job)
    alone = chain.seconds(1)
    offered = job | {"qps": job["qps"] or SHARE / alone, "target_p99": job["target_p99"] or TARGET * alone * 1e3}
    rate = max(1.0 / alone, job["merge"] / chain.seconds(job["merge"]))
    service = Service(chain.answer, job["merge"])
    begun = chain.memory()
    with ThreadPoolExecutor(1) as caller:
        asked = caller.submit(ask, job["scenario"], offered, service, rate, folder)
        service.work()
        latencies = asked.result()
    facts = {
        "cold_start_seconds": chain.cold_start, "resident_begin": begun, "resident_end": chain.memory(), "peak_bytes": chain.peak(),
        "answers": service.answers, "labels": chain.labels, "failure": service.failure, "merged": service.merged, "facts": chain.facts,
        "latencies": latencies, "qps": offered["qps"], "target_p99": offered["target_p99"],
    }  # fmt: skip
    (folder / "answers.json").write_text(json.dumps(facts))


def ask(scenario: str, job: dict, service: "Service", rate: float, folder: Path) -> list[float] | None:
    """Runs `scenario` against `service`, which stops working whatever comes of it."""
    try:
        return SCENARIOS[scenario](job, service, rate, folder)
    finally:
        service.stop()


class Chain:
    """The embedded world's DDS behind one call: numbers of pictures -> labels."""

    def __init__(self, job: dict):
        import torch

        from bench.records.clock import PeakMemory, settle
        from bench.worlds.data import digits as embedded
        from bench.worlds.defence import batch
        from bench.worlds.workbench import Workbench
        from bench.worlds.world import NOISE, WorldOptions, build
        from runtime import artifact, plugins
        from runtime.diffusion import schedule
        from runtime.maps import explain
        from runtime.smooth import Explained, Plan, fused, smooth

        settle()
        device = torch.device(job["device"])
        world = build(WorldOptions())
        pictures = embedded.batch(embedded.TASKS[0], "test", range(PICTURES))
        images, self.labels = pictures.images.to(device), pictures.labels.tolist()
        network = Workbench(world, device).network
        source = artifact.read(job["artifact"]).at(job["precision"]) if job["artifact"] else network("classify_draws", job["precision"])
        session = plugins.load("runtime.sessions", job["session"]).load(source, device)
        level = schedule.level(world.denoiser.schedule, NOISE / 255, "cumulative")
        step, size = fused(session, level, world.denoiser.schedule), (world.denoiser.size, world.denoiser.size)
        explainer = "vta" if job["answer"] == "map" else job["answer"]
        maps = None if explainer == "label" else Explained({explainer: explain.build(explainer, world.backbone)})

        def answer(numbers: Sequence[int]) -> list[int]:
            plan = Plan(level.sigma, job["draws"], 0, batch(len(numbers) * job["draws"]), size)
            return smooth(images[list(numbers)], list(numbers), plan, step, maps).votes.argmax(1).tolist()

        self.answer, self._memory = answer, PeakMemory()
        self.facts = session.facts
        for pictures in range(1, job["merge"] + 1):  # every size that will come, for a session that prepares each of them
            answer(range(pictures))
        self.cold_start = time.time() - job["started"]

    def seconds(self, pictures: int) -> float:
        """The median of a few answers to so many pictures together, after one that is not counted."""
        times = []
        for _ in range(6):
            start = time.perf_counter()
            self.answer(range(pictures))
            times.append(time.perf_counter() - start)
        return sorted(times[1:])[2]

    def memory(self) -> int:
        """Resident bytes now."""
        import psutil

        return psutil.Process().memory_info().rss

    def peak(self) -> int:
        return self._memory.read()


class Service:
    """A queue and whoever calls `work`; `respond(ids, labels)` is called with each group of answers."""

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


def loop(job: dict, service: Service, rate: float, folder: Path) -> list[float]:
    """Single stream without LoadGen: the next picture as soon as the last is answered, for the time asked; the seconds of each."""
    answered, found = threading.Event(), []
    service.respond = lambda ids, labels: answered.set()
    end = time.perf_counter() + job["seconds"]
    while time.perf_counter() < end or not found:
        start = time.perf_counter()
        answered.clear()
        service.put([len(found)], [len(found) % PICTURES])
        answered.wait()
        found.append(time.perf_counter() - start)
    return found


def loadgen(job: dict, service: Service, rate: float, folder: Path) -> None:
    """One scenario by MLPerf LoadGen, its logs into `folder`; `rate`: pictures a second that the chain can answer."""
    import mlperf_loadgen as lg  # type: ignore

    settings = lg.TestSettings()
    settings.mode = lg.TestMode.PerformanceOnly
    settings.min_duration_ms, settings.min_query_count = int(job["seconds"] * 1000), QUERIES[job["scenario"]]
    if job["scenario"] == "single-stream":
        settings.scenario, settings.single_stream_expected_latency_ns = lg.TestScenario.SingleStream, int(1e9 / rate)
    elif job["scenario"] == "server":
        settings.scenario, settings.server_target_qps = lg.TestScenario.Server, job["qps"]
        settings.server_target_latency_ns, settings.server_target_latency_percentile = int(job["target_p99"] * 1e6), 0.99
    else:
        settings.scenario, settings.offline_expected_qps = lg.TestScenario.Offline, OFFLINE * rate
    output, logs = lg.LogOutputSettings(), lg.LogSettings()
    output.outdir, output.copy_summary_to_stdout = str(folder), False
    logs.log_output, logs.enable_trace = output, False

    def respond(ids: Sequence[int], labels: Sequence[int]) -> None:
        buffers = [array.array("i", [label]) for label in labels]  # they must outlive the call
        lg.QuerySamplesComplete([lg.QuerySampleResponse(i, *b.buffer_info()) for i, b in zip(ids, buffers, strict=True)])

    service.respond = respond
    sut = lg.ConstructSUT(lambda samples: service.put([s.id for s in samples], [s.index for s in samples]), lambda: None)
    library = lg.ConstructQSL(PICTURES, PICTURES, lambda numbers: None, lambda numbers: None)
    lg.StartTestWithLogSettings(sut, library, settings, logs, "")
    lg.DestroyQSL(library)
    lg.DestroySUT(sut)


SHARE = 0.5  # of the rate of one picture after another: what `server` is offered unless --qps says otherwise
TARGET = 6.0  # times the median of one picture alone: what its 99th percentile may be unless --target-p99 says otherwise
OFFLINE = 1.3  # LoadGen makes as many queries as last long enough at so many times the rate measured
QUERIES = {"single-stream": 64, "server": 480, "offline": 1}  # LoadGen believes p90 from 64 on and p99 from 459 on
SCENARIOS = {"single-stream": loadgen, "server": loadgen, "offline": loadgen, "loop": loop}


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
