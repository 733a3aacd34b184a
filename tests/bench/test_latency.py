"""`fvit latency`: every query is answered, LoadGen's verdicts are read as it gives them, a run that hangs or fails is ended and told."""

import json
import subprocess
import sys
import time

import psutil
import pytest

from bench.cli import main
from bench.records.rows import Rows
from bench.studies.latency import measure as latency
from bench.studies.latency import server as serving
from bench.studies.latency.measure import Case
from bench.studies.latency.server import Service
from bench.worlds.defence import batch
from runtime.errors import FvitError
from runtime.provenance import ROOT

SERVED = """
import json, sys, time
from pathlib import Path
from bench import serving
job = json.loads(sys.argv[1])
service = serving.Service(lambda numbers: time.sleep(0.002) or [n % 10 for n in numbers], job["merge"])
with serving.ThreadPoolExecutor(1) as caller:
    asked = caller.submit(serving.ask, job["scenario"], job, service, job["merge"] / 0.002, Path(sys.argv[2]))
    service.work()
asked.result()
print(len(service.answers), max(service.merged))
"""


def case(**changes) -> Case:
    facts = {"scenario": "single-stream", "answer": "label", "merge": 1, "session": "eager", "precision": "fp32", "draws": 1,
             "seconds": 0.5, "qps": None, "target_p99": None, "device": "cpu", "limit": 120.0}  # fmt: skip
    return Case(**facts | changes)


def served(tmp_path, **job) -> tuple[dict, list[int]]:
    """LoadGen itself on a chain that sleeps for two milliseconds."""
    job = {"seconds": 0.5, "qps": 300.0, "target_p99": 50.0, "merge": 1} | job
    done = subprocess.run(
        [sys.executable, "-c", SERVED, json.dumps(job), str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return latency._read(tmp_path / latency.DETAIL), [int(word) for word in done.stdout.split()]


def test_single_stream_has_percentiles_and_a_verdict(tmp_path):
    found, (answered, merged) = served(tmp_path, scenario="single-stream")
    assert found["verdict"] == "VALID" and found["why"] == "" and merged == 1 and 0 < answered <= min(found["queries"], serving.PICTURES)
    assert 2 <= found["p50"] <= found["p90"] <= found["p99"] < 100 and 50 < found["pictures_a_second"] < 500


def test_server_is_invalid_when_its_target_cannot_be_met(tmp_path):
    found, (_, merged) = served(tmp_path, scenario="server", target_p99=0.5, merge=4)
    assert found["verdict"] == "INVALID" and found["why"] and found["p50"] > 1 and 1 <= merged <= 4


def test_offline_has_no_percentile(tmp_path):
    found, (_, merged) = served(tmp_path, scenario="offline", merge=8)
    assert (
        found["verdict"] == "VALID" and "p50" not in found and merged == 8 and found["pictures_a_second"] > 500 and found["queries"] > 100
    )


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


def test_a_run_that_hangs_is_ended_with_its_children(tmp_path):
    code = "import subprocess, sys, time; c = subprocess.Popen(['sleep', '60']); print(c.pid, flush=True); time.sleep(60)"
    start = time.perf_counter()
    with pytest.raises(FvitError, match="hung and was ended after 2 s"):
        latency._watched([sys.executable, "-c", code], tmp_path, 2.0)
    pid = int((tmp_path / "said").read_text())
    assert time.perf_counter() - start < 20
    end = time.perf_counter() + 20
    while not _gone(pid) and time.perf_counter() < end:  # a killed process lives until it is scheduled once more
        time.sleep(0.05)
    assert _gone(pid)


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_run_that_dies_says_its_last_line(tmp_path):
    with pytest.raises(FvitError, match="exit code 3: out of something"):
        latency._watched([sys.executable, "-c", "import sys; print('out of something'); sys.exit(3)"], tmp_path, 60.0)


def test_a_log_without_a_verdict_is_told(tmp_path):
    (tmp_path / latency.DETAIL).write_text(':::MLLOG {"key": "effective_scenario", "value": "Server"}\nno log line\n')
    with pytest.raises(FvitError, match="no verdict"):
        latency._read(tmp_path / latency.DETAIL)


@pytest.mark.parametrize("loadgen", [True, False])
def test_the_real_chain_by_the_command_line(tmp_path, monkeypatch, capsys, loadgen):
    """With LoadGen, and as the plain loop, which gives a map as well."""
    answer = "label" if loadgen else "vta:rules=chefer_bf16"
    if not loadgen:
        monkeypatch.setattr(latency, "available", lambda: "LoadGen is not installed; pip install 'fvit-bench[loadgen]'")
        assert main(["latency", "--results", str(tmp_path)]) == 2 and "--scenario single-stream runs" in capsys.readouterr().err
    words = ["latency", "--scenario", "single-stream", "--answer", answer, "--session", "eager", "--draws", "1", "--seconds", "1"]
    assert main([*words, "--results", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    (row,) = [row for row in Rows(folder).read() if row["kind"] == "latency"]
    assert row["verdict"] == ("VALID" if loadgen else "none") and 0 < row["p50"] <= row["p99"] and row["accuracy"][0] > 0.8
    assert row["peak_bytes"] >= row["resident_end"] > 0 and row["cold_start_seconds"] > row["p50"] / 1e3
    before, page = Rows(folder).path.read_bytes(), (folder / "latency.md").read_text()
    assert main([*words, "--results", str(tmp_path)]) == 0 and Rows(folder).path.read_bytes() == before
    assert f"| single-stream | {answer} | eager fp32 | 1 | 1 (1.0) |" in page and "no MLPerf results" in page


@pytest.mark.parametrize(
    ("answer", "told"),
    [("vtta", "unknown answer 'vtta'"), ("label,vta:rules=chfer", "unknown rule set 'chfer'"), ("vta:layer=2", "unknown option of vta")],
)
def test_an_unknown_answer_is_refused_before_anything_is_measured(tmp_path, capsys, answer, told):
    words = ["latency", "--scenario", "single-stream", "--answer", answer, "--session", "eager", "--results", str(tmp_path)]
    assert main(words) == 2 and told in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_merging_is_compared_at_one_load_for_each_answer(tmp_path, monkeypatch):
    """The first server run of an answer finds its load by a trial, the others are offered the same; maps cost more and have their own."""
    seen = []

    def found(one, artifact):
        seen.append(one)
        facts = {"qps": one.qps or 10.0 + len(seen), "target_p99": one.target_p99 or 100.0, "verdict": "VALID", "why": "", "merged": 1.0}
        facts |= {"accuracy": [1.0, 0.9, 1.0], "pictures_a_second": 9.0, "resident_begin": 1, "resident_end": 2, "peak_bytes": 3}
        return facts | {"cold_start_seconds": 1.0, "p50": 20.0}

    monkeypatch.setattr(latency, "run", found)
    monkeypatch.setattr(latency, "available", lambda: None)
    words = ["latency", "--scenario", "server,offline", "--session", "eager", "--merge", "1,4,8", "--results", str(tmp_path)]
    assert main(words) == 0
    offered = {(one.answer, one.merge): (one.qps, one.target_p99) for one in seen if one.scenario == "server"}
    assert offered == {
        ("label", 1): (None, None), ("label", 4): (11.0, 100.0), ("label", 8): (11.0, 100.0),
        ("map", 1): (None, None), ("map", 4): (14.0, 100.0), ("map", 8): (14.0, 100.0),
    }  # fmt: skip
    (folder,) = tmp_path.iterdir()
    assert "- server, map, 10 draws: offered 14 pictures a second, p99 wanted within 100 ms" in (folder / "latency.md").read_text()
    assert main(words) == 0 and len(seen) == 12
    words = [word.replace("server,offline", "single-stream,server,offline") for word in words]
    assert main([*words, "--answer", "label"]) == 0
    offered = [(one.scenario, one.qps, one.target_p99) for one in seen[12:]]
    assert offered == [("single-stream", None, None), *[("server", 4.5, 120.0)] * 3, *[("offline", None, None)] * 3]


def test_a_run_that_failed_is_a_reason_and_is_tried_again(tmp_path, monkeypatch):
    tried = []

    def failing(one, artifact):
        tried.append(one)
        raise FvitError("the run hung and was ended after 900 s; rows before it are kept")

    monkeypatch.setattr(latency, "run", failing)
    words = ["latency", "--scenario", "single-stream", "--session", "eager", "--results", str(tmp_path)]
    assert main(words) == 1 and main(words) == 1 and len(tried) == 4
    (folder,) = tmp_path.iterdir()
    page = (folder / "latency.md").read_text()
    assert page.count("– (FvitError)") == 2 and page.count("was ended after 900 s") == 2  # label and map, once each


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--scenario", "streaming"), "unknown scenario 'streaming'; known: single-stream, server, offline"),
        (("--merge", "0"), "--merge 0: 1 request or more"),
        (("--qps", "-1"), "--qps -1.0: a number above 0 is wanted"),
        (("--session", "eager", "--precision", "int8"), "session eager has no int8; it has fp32, fp16, bf16"),
    ],
)
def test_bad_input(words, told, tmp_path, capsys):
    assert main(["latency", *words, "--results", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_draws_are_shared_out_evenly_among_the_fewest_calls():
    assert [batch(draws) for draws in (1, 10, 32, 40, 80)] == [1, 10, 32, 20, 27]
