"""The service of `fvit latency`: requests merged, failures told, logs read."""

import time

import pytest

from bench.studies.latency import measure as latency
from bench.studies.latency import server as serving
from bench.studies.latency.server import Service
from bench.worlds.defence import batch
from runtime.errors import FvitError


def test_waiting_requests_are_merged_and_a_failure_is_an_answer():
    seen = []

    def answer(numbers):
        time.sleep(0.05)
        if 7 in numbers:
            raise RuntimeError("no such picture")
        return [number % 10 for number in numbers]

    service = Service(answer, 3)
    service.respond = lambda ids, labels: seen.append((list(ids), list(labels)))
    service.put(range(100, 105), range(5))
    service.put([105], [7])
    service.stop()
    service.work()
    assert service.merged == [len(ids) for ids, _ in seen] and sum(service.merged) == 6 and max(service.merged) == 3
    answered = {i: label for ids, labels in seen for i, label in zip(ids, labels, strict=True)}
    assert set(answered) == set(range(100, 106)) and answered[105] == serving.FAILED
    assert service.failure == "RuntimeError: no such picture"


def test_a_scenario_that_fails_ends_the_work(tmp_path, monkeypatch):
    def failing(job, service, rate, folder):
        raise OSError("no logs")

    monkeypatch.setitem(serving.SCENARIOS, "offline", failing)
    service = Service(lambda numbers: [0] * len(numbers), 1)
    with pytest.raises(OSError, match="no logs"):
        serving.ask("offline", {}, service, 1.0, tmp_path)
    service.work()  # returns


def test_a_log_without_a_verdict_is_told(tmp_path):
    (tmp_path / latency.DETAIL).write_text(':::MLLOG {"key": "effective_scenario", "value": "Server"}\nno log line\n')
    with pytest.raises(FvitError, match="no verdict"):
        latency._read(tmp_path / latency.DETAIL)


def test_draws_are_shared_out_evenly_among_the_fewest_calls():
    assert [batch(draws) for draws in (1, 10, 32, 40, 80)] == [1, 10, 32, 20, 27]
