"""The latency study without a process: requests merged and answered, LoadGen's log read, loads compared, the page from hand-made rows."""

import time
from dataclasses import asdict, replace

import pytest

from bench.records.rows import Failed, Head, Machine, Missing, Row, Served, Why
from bench.studies.latency import measure, page, server
from bench.studies.latency.case import STUDY, Case, Checked, Job, LoadRun
from bench.studies.latency.server import ServedQueries, Service
from bench.worlds.defence import even_batch
from runtime.errors import FvitError

ENVIRONMENT = {
    "cpu": "C", "cores": 2, "threads": 2, "memory_gib": 8, "load_at_start": 0.1, "python": "3.11", "versions": {"torch": "2"}, "gpu": None,
}  # fmt: skip
LOG = {
    "effective_scenario": ["Server"], "result_validity": ["INVALID"], "result_50.00_percentile_latency_ns": [2e6], "result_query_count": [480],
    "result_90.00_percentile_latency_ns": [3e6], "result_99.00_percentile_latency_ns": [4e6], "result_completed_samples_per_sec": [9.5],
    "result_invalid_reason": ["too  slow"], "early_stopping_result": ["more\nqueries"],
}  # fmt: skip


def case(scenario: str = "single-stream", **changes) -> Case:
    return Case(scenario, **{"answer": "label", "merge": 1, "session": "eager", "precision": "fp32", "draws": 10, "seconds": 0.5, "qps": None,
                             "target_p99": None, "device": "cpu", "limit": 120.0} | changes)  # fmt: skip


def outcome(**changes) -> LoadRun:
    facts = {"answers": {"0": 1, "1": 1}, "labels": [1, 2, 3], "merged": [1, 2], "failure": None, "cold_start_seconds": 1.25, "facts": {},
             "resident_begin": 10_000_000, "resident_end": 12_000_000, "peak_bytes": 20_000_000, "offered_per_second": None,
             "target_p99": None, "latencies": [0.02, 0.02, 0.02]}  # fmt: skip
    return LoadRun(**facts | changes)


def served(one: Case, **changes) -> Served:
    return measure.row(one, outcome(**changes), "c")


def test_waiting_requests_are_merged_and_a_failure_is_an_answer():
    responses = []

    def answer(numbers):
        time.sleep(0.05)
        if 7 in numbers:
            raise RuntimeError("no such picture")
        return [number % 10 for number in numbers]

    service = Service(answer, 3)
    service.respond = lambda ids, labels: responses.append((list(ids), list(labels)))
    service.put(range(100, 105), range(5))
    service.put([105], [7])
    service.stop()
    service.work()
    assert service.merged == [len(ids) for ids, _ in responses] and sum(service.merged) == 6 and max(service.merged) == 3
    answers = {i: label for ids, labels in responses for i, label in zip(ids, labels, strict=True)}
    assert set(answers) == set(range(100, 106)) and answers[105] == server.FAILED
    assert service.failure == "RuntimeError: no such picture"


def test_a_scenario_that_fails_ends_the_work():
    def failing(one, service, rate):
        raise OSError("no logs")

    with pytest.raises(OSError, match="no logs"):
        server.drive(failing, case(), Service(lambda numbers: [0] * len(numbers), 1), 1.0)


def test_the_loop_asks_for_the_next_picture_when_the_last_is_answered():
    service = Service(lambda numbers: [number % 10 for number in numbers], 1)
    result = server.drive(server.loop, case(seconds=0.05), service, 1.0)
    assert result.latencies and len(result.latencies) == len(service.merged) and result.log is None
    assert service.answers == {number: number % 10 for number in range(min(len(result.latencies), server.PICTURES))}
    assert ServedQueries() == ServedQueries(None, None)


def test_a_log_without_a_verdict_is_an_error():
    log = server.entries(':::MLLOG {"key": "effective_scenario", "value": "Server"}\nno log line\n')
    assert log == {"effective_scenario": ["Server"]}
    with pytest.raises(FvitError, match=r"no verdict \(1 keys\)"):
        measure.from_log(log)


def test_the_verdict_and_its_reason_are_loadgens():
    assert measure.from_log(LOG) == {
        "percentiles": {"p50": 2.0, "p90": 3.0, "p99": 4.0}, "queries": 480, "pictures_per_second": 9.5, "verdict": "INVALID",
        "why": "too slow more queries",
    }  # fmt: skip
    offline = LOG | {"effective_scenario": ["Offline"], "result_validity": ["VALID"], "effective_min_sample_count": [33]}
    verdict = measure.from_log(offline)
    assert verdict["percentiles"] == {} and verdict["queries"] == 33 and verdict["why"] == ""


def test_a_job_and_its_case_cross_as_json():
    job = Job(case("server", qps=2.0), "/artifact", 12.5, False)
    assert Job.read(asdict(job)) == job


def test_a_failed_query_fails_the_run(monkeypatch):
    monkeypatch.setattr(measure.child, "call", lambda function, job, limit: asdict(outcome(failure="RuntimeError: no such picture")))
    with pytest.raises(FvitError, match="a query failed: RuntimeError: no such picture"):
        measure.serve(case(), None)


def test_merging_is_compared_at_one_load():
    """A server run takes the load of the first server run of its answer, else that of its single stream; the user's own comes first."""
    single = served(case())
    first = served(case("server"), offered_per_second=11.0, target_p99=100.0)
    second = served(case("server", merge=8), offered_per_second=7.0, target_p99=70.0)
    other = served(case("server", answer="map"), offered_per_second=3.0, target_p99=300.0)
    asked = case("server", merge=4)
    assert measure.offered(asked, []) == asked and measure.offered(asked, [other]) == asked
    assert measure.offered(asked, [single]) == replace(asked, qps=pytest.approx(25.0), target_p99=pytest.approx(120.0))
    assert measure.offered(asked, [other, first, single, second]) == replace(asked, qps=11.0, target_p99=100.0)
    assert measure.offered(replace(asked, qps=1.0), [first]) == replace(asked, qps=1.0, target_p99=100.0)
    assert measure.offered(case("offline"), [single, first]) == case("offline")


def campaign(parity: dict | None, *rows: Row) -> list:
    head = Head(campaign="c", key="head", study=STUDY, commit="abc", settings={}, facts=asdict(Checked("ort fp32", parity, 32)))
    return [head, Machine(campaign="c", key="m", environment=ENVIRONMENT), *rows]


def test_the_page_from_known_rows():
    rows = [
        served(case()),
        served(case("server", merge=8), offered_per_second=14.0, target_p99=100.0, latencies=None, log=LOG),
        served(case("offline"), latencies=None, log=LOG | {"effective_scenario": ["Offline"], "effective_min_sample_count": [9]}),
        Failed(
            campaign="c",
            key=str(case(answer="map")),
            missing=Missing(Why.FAILED, "it hung"),
            again=True,
            subject=asdict(case(answer="map")),
        ),
    ]
    made = page.render(campaign({"cosine": 0.99995}, *rows))
    assert "- ort fp32, cosine with eager fp32 0.999950\n" in made.markdown
    assert "- server, label, 10 draws: offered 14 pictures per second, p99 within 100 ms wanted\n" in made.markdown
    shared = "label | eager fp32 | 10"
    assert f"| single-stream | {shared} | 1 (1.5) | 20.0 | 20.0 | 20.0 | 50.00 | " in made.markdown
    assert "| 0.500 [0.09, 0.91] | 20 (+2) | 1.2 |" in made.markdown
    assert f"| server | {shared} | 8 (1.5) | 2.0 | 3.0 | 4.0 | 9.50 | INVALID |" in made.markdown
    assert f"| offline | {shared} | 1 (1.5) | – | – | – | 9.50 | INVALID |" in made.markdown
    assert "| single-stream | map | eager fp32 | 10 | 1 | – | – | – | – | – (failed) | – | – | – |" in made.markdown
    assert (
        "- server, label, eager fp32, 10 draws, merging 8: too slow more queries\n" in made.markdown
        and "merging 1: it hung\n" in made.markdown
    )
    assert "32 draws per call at most" in made.markdown and "not MLPerf results" in made.markdown
    assert [cell["scenario"] for cell in made.cells] == ["single-stream", "server", "offline", "single-stream"]
    assert made.cells[0]["right"] == 0.5 and made.cells[0]["p50"] == pytest.approx(20.0) and made.cells[3]["reason"] == "it hung"


def test_eager_is_the_reference_of_every_parity():
    assert "- ort fp32, the reference of every parity\n" in page.render(campaign(None, served(case()))).markdown


def test_draws_are_shared_out_evenly_among_the_fewest_calls():
    assert [even_batch(draws) for draws in (1, 10, 32, 40, 80)] == [1, 10, 32, 20, 27]
