"""`fvit latency`: every query is answered, LoadGen's verdicts are read as it gives them, a run that hangs or fails is ended and told."""

import pytest

from bench.cli import main
from bench.studies.latency import measure as latency
from runtime.errors import FvitError


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
