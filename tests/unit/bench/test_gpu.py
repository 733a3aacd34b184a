"""The steps of `bench/gpu.sh` are commands that the real command line accepts, and tests that are there; they end within eight minutes."""

from pathlib import Path

import pytest

from bench import gpu
from bench.cli import parse
from runtime.provenance import ROOT


@pytest.mark.parametrize("step", gpu.STEPS, ids=lambda step: step.name.partition(":")[0])
def test_every_steps_words_are_accepted(step):
    for words, device in ((step.words, "cuda"), (step.tiny, "cpu")):
        if words[0] == "bench":
            name, bound = parse(list(words[1:]))
            assert name == words[1] and bound.arguments["device"] == device and bound.arguments["results"].folder == Path("OUT")
        else:
            (file,) = [word for word in words if word.endswith(".py")]
            assert words[0] == "pytest" and (ROOT / file).is_file()


def test_the_limits_add_up_to_one_call():
    assert sum(step.limit for step in gpu.STEPS) <= 480


def test_a_step_that_ends_badly_does_not_end_the_rest(monkeypatch, capsys):
    called = []
    monkeypatch.setattr(gpu, "run_step", lambda words, limit: called.append((words, limit)) or (gpu.CUT if len(called) == 2 else 0))
    monkeypatch.setattr("sys.argv", ["gpu", "--rehearse", "--out", "there"])
    assert gpu.main() == 1 and len(called) == len(gpu.STEPS) and "OUT" not in str(called) and str(Path("there").resolve()) in str(called)
    assert all(limit == 10 * step.limit for (_, limit), step in zip(called, gpu.STEPS, strict=True))
    assert capsys.readouterr().out.count("\n  python -m ") == len(gpu.STEPS)
