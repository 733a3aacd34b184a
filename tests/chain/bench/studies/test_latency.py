"""`fvit latency` in this process, its runs replaced: what is offered, tried again and refused."""

import pytest

from bench.cli import main
from bench.records.rows import Served
from bench.records.store import Store
from bench.studies.latency import measure
from bench.studies.latency.case import LoadRun
from runtime.errors import FvitError


def outcome(**changes) -> LoadRun:
    facts = {"answers": {"0": 1}, "labels": [1], "merged": [1], "failure": None, "cold_start_seconds": 1.0, "facts": {}, "resident_begin": 1,
             "resident_end": 2, "peak_bytes": 3, "offered_per_second": None, "target_p99": None, "latencies": [0.02] * 3}  # fmt: skip
    return LoadRun(**facts | changes)


def test_merging_is_compared_at_one_load_for_each_answer(tmp_path, monkeypatch):
    """The first server run of an answer finds its load in a trial, the others are offered the same; maps cost more and have their own."""
    runs = []

    def serve(case, artifact):
        runs.append(case)
        if case.scenario != "server":
            return outcome()
        return outcome(offered_per_second=case.qps or 10.0 + len(runs), target_p99=case.target_p99 or 100.0)

    monkeypatch.setattr(measure, "serve", serve)
    monkeypatch.setattr(measure, "available", lambda: None)
    words = ["latency", "--scenario", "server,offline", "--session", "eager", "--merge", "1,4,8", "--results", str(tmp_path)]
    assert main(words) == 0
    offered = {(case.answer, case.merge): (case.qps, case.target_p99) for case in runs if case.scenario == "server"}
    assert offered == {
        ("label", 1): (None, None), ("label", 4): (11.0, 100.0), ("label", 8): (11.0, 100.0),
        ("map", 1): (None, None), ("map", 4): (14.0, 100.0), ("map", 8): (14.0, 100.0),
    }  # fmt: skip
    (folder,) = tmp_path.iterdir()
    page = (folder / "latency.md").read_text()
    assert "- server, map, 10 draws: offered 14 pictures per second, p99 within 100 ms wanted" in page
    assert main(words) == 0 and len(runs) == 12
    assert main(["latency", "--from-rows", "--results", str(tmp_path)]) == 0 and (folder / "latency.md").read_text() == page
    words = [word.replace("server,offline", "single-stream,server,offline") for word in words]
    assert main([*words, "--answer", "label"]) == 0
    offered = [(case.scenario, case.qps, case.target_p99) for case in runs[12:]]
    assert offered == [
        ("single-stream", None, None), *[("server", pytest.approx(25.0), pytest.approx(120.0))] * 3, *[("offline", None, None)] * 3,
    ]  # fmt: skip


def test_a_run_that_failed_is_a_reason_and_is_tried_again(tmp_path, monkeypatch):
    tried = []

    def hanging(case, artifact):
        tried.append(case)
        raise FvitError("the process hung and was ended after 900 s")

    monkeypatch.setattr(measure, "serve", hanging)
    words = ["latency", "--scenario", "single-stream", "--session", "eager", "--results", str(tmp_path)]
    assert main(words) == 1 and main(words) == 1 and len(tried) == 4
    (folder,) = tmp_path.iterdir()
    page = (folder / "latency.md").read_text()
    assert page.count("– (failed)") == 2 and page.count("was ended after 900 s") == 2  # label and map, once each
    monkeypatch.setattr(measure, "serve", lambda case, artifact: outcome())
    assert main(words) == 0 and "900 s" not in (folder / "latency.md").read_text()
    assert sum(isinstance(row, Served) for row in Store(folder).read()) == 2


@pytest.mark.parametrize(
    ("answer", "line"),
    [("vtta", "unknown answer 'vtta'"), ("label,vta:rules=chfer", "unknown rule set 'chfer'"), ("vta:layer=2", "unknown option of vta")],
)
def test_an_unknown_answer_is_refused_before_anything_is_measured(tmp_path, capsys, answer, line):
    words = ["latency", "--scenario", "single-stream", "--answer", answer, "--session", "eager", "--results", str(tmp_path)]
    assert main(words) == 2 and line in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_without_loadgen_only_the_single_stream_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(measure, "available", lambda: "LoadGen is not installed; pip install 'fvit-bench[loadgen]'")
    assert main(["latency", "--session", "eager", "--results", str(tmp_path)]) == 2
    assert "LoadGen is not installed" in (line := capsys.readouterr().err) and "--scenario single-stream runs" in line


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--scenario", "streaming"), "unknown scenario 'streaming'; known: single-stream, server, offline"),
        (("--merge", "0"), "--merge 0: whole numbers above 0 with commas are expected"),
        (("--qps", "-1"), "--qps -1: a number above 0 is expected"),
        (("--session", "eager", "--precision", "int8"), "session eager has no int8; it has fp32, fp16, bf16"),
    ],
)
def test_bad_input(words, line, tmp_path, capsys):
    assert main(["latency", *words, "--results", str(tmp_path)]) == 2
    assert line in capsys.readouterr().err and not list(tmp_path.iterdir())
