"""`fvit roofline`: pairs with parity next to them, resumed, made again from rows; bad input."""

import pytest
import torch

from bench.cli import main
from bench.records.rows import Failed, Growth, Head, Machine, Paired, Threads, Why
from bench.records.store import Store
from bench.studies.roofline import measure
from bench.worlds import world
from bench.worlds.embedded import Embedded
from export import parity
from helpers.roofline import small
from helpers.small import small_backbone, small_denoiser
from runtime.errors import FvitError

BACKBONE, DENOISER = small_backbone(), small_denoiser()
SMALL = ("--network", "draw", "--session", "eager,ort", "--pairs", "3")


class Small(Embedded):
    """The embedded world with the smallest networks."""

    def backbone(self, name=None):
        return BACKBONE

    def denoiser(self):
        return DENOISER


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(measure, "DRAWS", (10, 20))
    monkeypatch.setattr(measure, "ROUNDS", 2)
    monkeypatch.setattr(measure, "FEWEST", 10)
    monkeypatch.setattr(world, "open", lambda name, brought=None: Small(brought))
    yield from small(monkeypatch)


def run(tmp_path, *words) -> tuple[int, list, str]:
    """Exit code, rows and page of one command."""
    code = main(["roofline", *SMALL, *words, "--results", str(tmp_path)])
    (folder,) = tmp_path.iterdir()
    page = folder / "roofline.md"
    return code, Store(folder).read(), page.read_text() if page.is_file() else ""


def test_pairs_parity_and_reasons(tmp_path):
    code, rows, page = run(tmp_path, "--precision", "fp32,bf16", "--batch", "4,2")
    pairs = [row for row in rows if isinstance(row, Paired)]
    (why,) = {row.missing.reason for row in rows if isinstance(row, Failed)}
    assert code == 0 and [(row.session, row.precision, row.batch) for row in pairs] == [
        ("eager", "bf16", 4), ("eager", "bf16", 2), ("ort", "fp32", 4), ("ort", "fp32", 2)
    ]  # fmt: skip
    assert "in bf16: CPUExecutionProvider" in why
    for row in pairs:
        assert len(row.seconds) == len(row.reference_seconds) == 3 and row.parity["cosine"] > 0.99 and not row.trained
        assert row.key == f"pair/draw/{row.batch}/{row.session}/{row.precision}" and 0 < row.bytes <= row.reference_bytes
    (machine,) = [row for row in rows if isinstance(row, Machine)]
    assert set(machine.ceilings) == {"fp32", "bf16"} and machine.bandwidth > 0
    for text in (
        "| a small draw, batch 4 | ",
        "### a small draw, batch 2",
        "| eager | fp32 |",
        "| 1/2 |",
        "– (not possible here)",
        "m = 20",
        "random, seed",
    ):
        assert text in page
    (grown,) = [row for row in rows if isinstance(row, Growth)]
    assert set(grown.seconds) == {"10", "20"} and set(grown.seconds["10"]) == {"whole", "noise", "denoise+classify", "rest"}
    assert all(len(times) == 2 for stages in grown.seconds.values() for times in stages.values()) and min(grown.seconds["20"]["whole"]) > 0
    assert main(["roofline", "--from-rows", "--results", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    assert (folder / "roofline.md").read_text() == page


def test_it_goes_on_where_it_stopped_and_a_failed_parity_has_no_time(tmp_path, monkeypatch):
    timed = []

    def stopped(bench, kind, engine, batch, pairs):
        timed.append(str(engine))
        if len(timed) == 2:
            raise KeyboardInterrupt
        raise parity.ParityError("another answer") if engine.session == "eager" else FvitError("no memory")

    monkeypatch.setattr(measure, "pair", stopped)
    assert run(tmp_path, "--precision", "fp32,bf16")[0] == 130
    code, rows, page = run(tmp_path, "--precision", "fp32,bf16")
    assert code == 1 and timed == ["eager bf16", "ort fp32", "ort fp32", "ort bf16"]
    code, rows, page = run(tmp_path, "--precision", "fp32,bf16")
    assert code == 1 and timed[4:] == ["ort fp32", "ort bf16"]  # memory may be there another time; parity is not tried again
    assert {row.missing.why for row in rows if isinstance(row, Failed)} == {Why.FAILED} and not [
        row for row in rows if isinstance(row, Paired)
    ]
    assert (
        page.count("- eager bf16: another answer") == page.count("- ort bf16: no memory") == 1 and len({row.campaign for row in rows}) == 1
    )


def test_what_comes_after_the_candidates_is_not_lost_when_it_is_cut(tmp_path, monkeypatch):
    """And a precision that a session does not have gets its reason, which is no failure."""

    def cut(*given):
        raise KeyboardInterrupt

    words = ["roofline", "--network", "draw", "--session", "eager", "--precision", "int8,bf16", "--pairs", "2", "--results", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr(measure, "growth", cut)
        assert main(words) == 130
    (folder,) = tmp_path.iterdir()
    before = [type(row) for row in Store(folder).read()]
    assert before == [Head, Machine, Failed, Paired]
    stages = {"whole": [1.0], "rest": [0.5]}
    monkeypatch.setattr(measure, "growth", lambda *given: {"10": stages, "20": stages})
    assert main(words) == 0 and [type(row) for row in Store(folder).read()] == [*before, Growth]
    page = (folder / "roofline.md").read_text()
    assert "- eager int8: session eager has no int8; it has fp32, fp16, bf16" in page and "m = 20" in page


def test_growth_that_fails_has_a_reason_and_another_command_adds_to_the_page(tmp_path, monkeypatch):
    def failing(*given):
        raise FvitError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(measure, "growth", failing)
        code, rows, page = run(tmp_path, "--precision", "bf16", "--batch", "2")
    assert code == 1 and rows[-1].missing.reason == "no memory" and "- growth: no memory" in page
    code, rows, page = run(tmp_path, "--precision", "fp32")
    assert code == 0 and "no memory" not in page and "m = 20" in page  # measured again, it replaces what failed
    assert "### a small draw, batch 2" in page and "### a small draw, batch 4" in page and "## Measurements 2" in page


def test_thread_layouts_are_measured_in_turn(tmp_path):
    pytest.importorskip("openvino")
    words = ["roofline", "--network", "draw", "--session", "openvino", "--precision", "bf16", "--pairs", "2", "--results", str(tmp_path)]
    assert main(words) == 0
    (folder,) = tmp_path.iterdir()
    (row,) = [row for row in Store(folder).read() if isinstance(row, Threads)]
    assert row.precision == "bf16" and {len(times) for times in row.seconds.values()} == {2}
    page = (folder / "roofline.md").read_text()
    assert "| one thread | " in page and "| as it is: one request per thread, pinned, shapes fixed | " in page


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--network", "vit_b17"), "unknown network 'vit_b17'; known: unet_552m, vit_b16"),
        (("--precision", "fp8"), "unknown precision 'fp8'"),
        (("--pairs", "0"), "--pairs 0: a whole number from 1"),
        (("--batch", "0,4"), "--batch 0,4: whole numbers above 0 with commas are expected"),
        (("--from-rows",), "no rows of the study 'roofline' here; measure it first"),
    ],
)
def test_bad_input(words, text, tmp_path, capsys):
    assert main(["roofline", *words, "--results", str(tmp_path)]) == 2
    assert text in capsys.readouterr().err and not list(tmp_path.rglob("roofline.md"))


def test_a_gpu_that_is_not_there_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["roofline", *SMALL, "--device", "cuda", "--results", str(tmp_path)]) == 2
    assert "sees no GPU here" in capsys.readouterr().err
