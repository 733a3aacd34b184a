"""`fvit roofline`: ceilings, the least time of a call, pairs with parity beside them, resumed, made again from rows; bad input."""

import json

import pytest
import torch

from bench.cli import main
from bench.records import ceilings as roofline
from bench.records.rows import Rows
from bench.studies.roofline import networks as works
from bench.studies.roofline.networks import Work
from bench.worlds.world import World
from export import parity
from helpers.small import small_backbone, small_denoiser
from runtime.errors import FvitError

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Small products, one small work; a machine's true ceilings are not what is tested."""
    world = World("embedded", torch.rand(1, 3, 24, 24), "noise", small_backbone(), small_denoiser())
    monkeypatch.setattr(roofline, "SIDES", {"cpu": (64, 128)})
    monkeypatch.setattr(roofline, "VECTOR", {"cpu": 1 << 20})
    monkeypatch.setattr(works, "GROWTH", (10, 20))
    monkeypatch.setattr(works, "ROUNDS", 2)
    monkeypatch.setitem(works.WORKS, "draw", Work("a small draw", lambda: world, "classify_draws", 4, {"bf16": 0.5}))
    caches = roofline.ceiling, roofline.bandwidth
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_int8_has_no_lower_ceiling_than_bf16():
    assert roofline.ceiling("int8", CPU) >= roofline.ceiling("bf16", CPU) > 0 and roofline.bandwidth(CPU) > 0


def run(tmp_path, *words) -> tuple[int, list[dict], str]:
    code = main(["roofline", "--work", "draw", "--session", "eager,ort", "--pairs", "3", *words, "--results", str(tmp_path)])
    (folder,) = tmp_path.iterdir()
    return code, Rows(folder).read(), (folder / "roofline.md").read_text()


def test_pairs_parity_and_reasons(tmp_path):
    code, rows, page = run(tmp_path, "--precision", "fp32,bf16", "--batch", "4,2")
    every = [row for row in rows if row["kind"] == "pair"]
    assert code == 0 and [row["batch"] for row in every] == [4, 2] * 3
    pairs = [row for row in every if row["batch"] == 4]
    assert [(row["session"], row["precision"]) for row in pairs] == [("eager", "bf16"), ("ort", "fp32"), ("ort", "bf16")]
    for row in pairs[:2]:
        assert len(row["seconds"]) == len(row["reference_seconds"]) == 3 and row["parity"]["cosine"] > 0.99
        assert row["roofline_share"] == pytest.approx(row["least_seconds"] / sorted(row["seconds"])[1])
    assert "seconds" not in pairs[2] and "in bf16: CPUExecutionProvider" in pairs[2]["reason"]
    for wanted in (
        "| a small draw, batch 4 | ",
        "## a small draw, batch 4",
        "## a small draw, batch 2",
        "| eager | fp32 |",
        "| 1/2 |",
        "– (SessionUnavailable)",
        "m = 20",
        "random, seed",
    ):
        assert wanted in page
    grown = next(row["growth"] for row in rows if row["kind"] == "growth")
    assert set(grown) == {"10", "20"} and set(grown["10"]) == {"whole", "noise", "denoise+classify", "rest"}
    assert all(len(times) == 2 and min(times) > 0 for stages in grown.values() for times in stages.values())
    assert "| a draw of one picture, ms | m = 10 | m = 20 | last / first, 2 rounds |" in page and "| rest | " in page
    assert main(["roofline", "--from-rows", "--results", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    assert (folder / "roofline.md").read_text() == page


def test_it_goes_on_where_it_stopped_and_a_failed_parity_has_no_time(tmp_path, monkeypatch):
    seen = []

    def stopped(work, candidate, batch, pairs, bench):
        seen.append(candidate)
        if len(seen) == 2:
            raise KeyboardInterrupt
        raise parity.ParityError("another answer")

    monkeypatch.setattr(works, "measure", stopped)
    assert main(["roofline", "--work", "draw", "--session", "eager,ort", "--precision", "fp32,bf16", "--results", str(tmp_path)]) == 130
    code = main(["roofline", "--work", "draw", "--session", "eager,ort", "--precision", "fp32,bf16", "--results", str(tmp_path)])
    (folder,) = tmp_path.iterdir()
    assert code == 1 and seen == [("eager", "bf16"), ("ort", "fp32"), ("eager", "bf16"), ("ort", "fp32"), ("ort", "bf16")]
    rows = [row for row in Rows(folder).read() if row["kind"] == "pair"]
    assert len(rows) == 4 and all(row["word"] == "ParityError" and "seconds" not in row for row in rows)
    assert (folder / "roofline.md").read_text().count("eager bf16: another answer") == 1


def test_what_comes_after_the_candidates_is_not_lost_when_it_is_cut(tmp_path, monkeypatch):
    """And a precision that a session does not have gets its reason, which is no failure."""

    def cut(*given, **named):
        raise KeyboardInterrupt

    words = ["roofline", "--work", "draw", "--session", "eager", "--precision", "int8,bf16", "--pairs", "2", "--results", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr(works, "growth", cut)
        assert main(words) == 130
    (folder,) = tmp_path.iterdir()
    before = [row["kind"] for row in Rows(folder).read()]
    assert main(words) == 0 and [row["kind"] for row in Rows(folder).read()] == [*before, "growth"]
    assert before == ["campaign", "pair", "pair"]
    page = (folder / "roofline.md").read_text()
    assert "- eager int8: session eager has no int8; it has fp32, fp16, bf16" in page and "m = 20" in page


def test_growth_that_fails_has_a_reason(tmp_path, monkeypatch):
    def failing(*given, **named):
        raise FvitError("no memory")

    monkeypatch.setattr(works, "growth", failing)
    code, rows, page = run(tmp_path, "--session", "eager", "--precision", "bf16")
    assert code == 1 and rows[-1]["reason"] == "no memory" and "- growth: no memory" in page


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--work", "vit_b17"), "unknown work 'vit_b17'; known: unet_552m, vit_b16"),
        (("--precision", "fp8"), "unknown precision 'fp8'"),
        (("--pairs", "0"), "--pairs 0: a number above 0 is wanted"),
        (("--batch", "0,4"), "--batch 0: 1 picture a call or more"),
        (("--from-rows",), "no rows of roofline here; measure first: fvit roofline"),
    ],
)
def test_bad_input(words, told, tmp_path, capsys):
    assert main(["roofline", *words, "--results", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err
    assert not json.dumps([str(path) for path in tmp_path.iterdir()]).count("roofline.md")


def test_arrangements_of_threads_are_measured_in_turn(tmp_path):
    pytest.importorskip("openvino")
    code = main(["roofline", "--work", "draw", "--session", "openvino", "--precision", "bf16", "--pairs", "2", "--results", str(tmp_path)])
    (folder,) = tmp_path.iterdir()
    (row,) = [row for row in Rows(folder).read() if row["kind"] == "arrangements"]
    assert code == 0 and row["precision"] == "bf16" and {len(times) for times in row["seconds"].values()} == {2}
    page = (folder / "roofline.md").read_text()
    assert "| one thread | " in page and "| as it is: a request for each thread, pinned, shapes fixed | " in page
