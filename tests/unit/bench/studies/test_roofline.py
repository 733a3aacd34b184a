"""`fvit roofline` without its command: what is timed, the least time of a call, the newest of each, the page from hand-made rows."""

from dataclasses import asdict

import pytest
import torch

from bench.records import ceilings
from bench.records.rows import Failed, Growth, Head, Machine, Missing, Paired, Threads, Why
from bench.studies.roofline import measure, networks, page
from bench.studies.roofline.networks import NETWORKS, Timing
from bench.worlds.embedded import Embedded
from bench.worlds.workbench import KINDS, Workbench
from bench.worlds.world import Brought
from bench.worlds.world import names as worlds
from export import networks as exported
from helpers.roofline import small
from helpers.small import small_backbone, small_denoiser
from runtime.backbones import build as backbones
from runtime.errors import FvitError

CPU = torch.device("cpu")
ENVIRONMENT = {
    "cpu": "a processor",
    "cores": 2,
    "threads": 2,
    "memory_gib": 4,
    "load_at_start": 0.1,
    "python": "3",
    "versions": {"torch": "2"},
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    yield from small(monkeypatch)


def pair(session="eager", precision="bf16", *times: float, campaign="c", batch=4, **more) -> Paired:
    """A row of the small draw whose reference takes a second per call."""
    times = times or (0.5, 0.5, 0.5)
    parity = {"largest": 0.1, "relative": 0.1, "cosine": 0.9999, "labels": 1.0, "cases": 4}
    facts = {
        "flops": 10,
        "bytes": 4,
        "reference_bytes": 8,
        "parity": parity,
        "facts": {},
        "weights": "random, seed 0",
        "trained": False,
        "machine": "here",
    }
    key = Timing("pair", "draw", batch, session, precision).key
    return Paired(
        campaign=campaign, key=key, network="draw", batch=batch, session=session, precision=precision, seconds=list(times),
        reference_seconds=[1.0] * len(times), **(facts | more),
    )  # fmt: skip


def first(campaign="c", device="cpu") -> list:
    """A campaign's first two rows; each precision has 100 operations per second, the memory 10 bytes per second."""
    settings, able = {"device": device, "pairs": 3}, {"fp32": 100.0, "bf16": 100.0, "int8": 100.0}
    return [
        Head(campaign=campaign, key="head", study="roofline", commit=f"commit-{campaign}", settings=settings),
        Machine(campaign=campaign, key="here", machine="here", environment=ENVIRONMENT, ceilings=able, bandwidth=10.0),
    ]


def failed(timing: Timing, why=Why.FAILED, reason="another answer", campaign="c") -> Failed:
    return Failed(campaign=campaign, key=timing.key, machine="here", missing=Missing(why, reason), again=False, subject=asdict(timing))


def test_bytes_and_operations_of_a_call():
    network = exported.backbone(small_backbone())
    weights = sum(p.numel() for p in network.module.parameters())
    assert ceilings.traffic(network, "bf16", 3) == 2 * weights + 4 * 3 * (3 * 24 * 24 + 3)
    assert ceilings.flops(network) > weights


def test_operations_of_a_network_with_buffers_that_no_file_holds():
    swin = backbones.build("swin_embedded")
    assert set(dict(swin.model.named_buffers())) - set(swin.model.state_dict()) and ceilings.flops(exported.backbone(swin)) > 1e8


def test_int8_has_no_lower_ceiling_than_bf16():
    able = ceilings.measure(("fp32", "int8"), CPU)
    assert (
        able["ceilings"]["int8"] >= ceilings.ceiling("bf16", CPU) > 0
        and able["bandwidth"] > 0
        and set(able["ceilings"]) == {"fp32", "int8"}
    )


@pytest.mark.parametrize(("flops", "moved", "share"), [(10, 1, 0.2), (10, 4, 0.8), (20, 1, 0.4)])
def test_the_share_of_the_ceiling_is_bound_by_products_or_by_bytes(flops, moved, share):
    (cell,) = page.render([*first(), pair(flops=flops, bytes=moved)]).cells
    assert cell["roofline_share"] == pytest.approx(share)


def test_every_timed_network_can_be_asked_for():
    for network in NETWORKS.values():
        assert network.world in worlds() and network.kind in KINDS and (network.denoiser is None or network.denoiser in measure.DENOISERS)


def test_candidates_are_timed_network_by_network_and_the_draw_has_two_more():
    timings = networks.timings(("vit_b16", "draw"), [("ort", "fp32"), ("ort", "int8")], None, "bf16")
    assert [timing.key for timing in timings] == [
        "pair/vit_b16/8/ort/fp32", "pair/vit_b16/8/ort/int8", "pair/draw/4/ort/fp32", "pair/draw/4/ort/int8", "growth/draw", "threads/draw",
    ]  # fmt: skip
    assert [timing.batch for timing in networks.timings(("vit_b16",), [("ort", "fp32")], (1, 16), None)] == [1, 16]


def test_eager_fp32_is_no_candidate_and_thread_layouts_need_openvino():
    every = measure.Candidates(("draw",), ("eager", "ort"), ("fp32", "bf16"), 3)
    assert every.engines == [("eager", "bf16"), ("ort", "fp32"), ("ort", "bf16")] and every.threads is None
    pytest.importorskip("openvino")
    assert measure.Candidates(("draw",), ("openvino",), ("bf16", "int8", "fp32"), 3).threads == "bf16"


def test_timing_a_classifier_builds_no_denoiser(monkeypatch):
    monkeypatch.setattr(Embedded, "denoiser", lambda self: pytest.fail("the denoiser was built"))
    bench = Workbench(Embedded(Brought()))
    assert bench.network("backbone").name == bench.network("backbone", "bf16").name == "vit_embedded"


def test_the_network_of_another_denoiser_is_not_the_worlds(monkeypatch):
    monkeypatch.setattr(Embedded, "denoiser", lambda self: pytest.fail("the world's denoiser was built"))
    monkeypatch.setattr(Embedded, "backbone", lambda *given: pytest.fail("a backbone was built"))
    network = measure.build("unet_12m", CPU).network("denoiser")
    assert network.name == "unet_12m" and 11.7e6 < sum(p.numel() for p in network.module.parameters()) < 11.9e6


def test_one_candidate_is_loaded_at_a_time(monkeypatch):
    monkeypatch.setattr(measure, "build", lambda name, target, say: Workbench(Embedded(Brought()), denoiser=small_denoiser()))
    forgotten = []
    monkeypatch.setattr(Workbench, "forget", lambda self, engine, kind: forgotten.append((str(engine), kind)))
    benches = measure.Benches(CPU, print)
    timings = networks.timings(("draw",), [("ort", "fp32"), ("ort", "int8")], (1, 2), None)
    same = {id(benches.of(timing)) for timing in timings}
    assert len(same) == 1 and forgotten == [("ort fp32", "classify_draws"), ("ort int8", "classify_draws")]


def test_the_page_from_hand_made_rows():
    grown = {"10": {"whole": [1.0, 1.0], "rest": [0.1, 0.1]}, "1000": {"whole": [1.1, 1.2], "rest": [0.1, 0.2]}}
    layouts = {"as it is": [0.1, 0.1], "one thread": [0.2, 0.4]}
    rows = [
        *first(), pair("ort", "bf16", 0.4, 0.5, 0.6, trained=True, weights="shipped"), pair(precision="int8", parity=None),
        failed(Timing("pair", "draw", 4, "ort", "int8"), Why.NOT_HERE, "no int8 here"), failed(Timing("pair", "draw", 2, "ort", "fp32")),
        Growth(campaign="c", key="growth/draw", machine="here", network="draw", session="ort", precision="bf16", seconds=grown),
        Threads(campaign="c", key="threads/draw", machine="here", network="draw", precision="bf16", seconds=layouts),
    ]  # fmt: skip
    rendered = page.render(rows)
    for line in (
        "## Measurements 1\n", "- machine: a processor, 2 cores", "commit commit-c, Python 3, torch 2", "- device cpu, 3 pairs at most",
        "### a small draw, batch 4\n", "Weights: shipped.", "### a small draw, batch 2\n", "Weights: none loaded.",
        "| eager | fp32 |  | 1000 [1000, 1000] | 1 |  | 80% |  |  |",
        "| ort | bf16 | 3 | 500 [400, 600] | 0.500 [0.400, 0.600] (1/2.0) | 1/2 | 80% | 0.99990 | 100.0% |",
        "| eager | int8 | 3 | 500 [500, 500] | 0.500 [0.500, 0.500] (1/2.0) |  | 80% |  |  |",
        "| ort | int8 |  | – (not possible here) |", "- ort int8: no int8 here\n", "- ort fp32: another answer\n",
        "| eager | fp32 |  | – |", "### a small draw: growth and thread layouts\n",
        "| per draw of one picture, ms | m = 10 | m = 1,000 | last / first, 2 rounds |",
        "| whole | 1000.000 | 1150.000 | 1.150 [1.100, 1.200] |", "| rest | 100.000 | 150.000 | 1.500 [1.000, 2.000] |",
        "Thread layouts of openvino bf16", "| one thread | 300 | 3.000 [2.000, 4.000] |", "| fp32 product, billion operations per second | 0 |",
        "| memory bandwidth, GB/s | 0.0 |", "## How to read it",
    ):  # fmt: skip
        assert line in rendered.markdown, line
    assert [(cell["session"], cell["precision"], cell["batch"]) for cell in rendered.cells] == [
        ("ort", "bf16", 4), ("eager", "int8", 4), ("ort", "int8", 4), ("ort", "fp32", 2)
    ]  # fmt: skip
    assert rendered.cells[0]["ratio_high"] == 0.6 and rendered.cells[0]["aimed_at"] == 0.5 and rendered.cells[2]["reason"] == "no int8 here"
    more = page.render([*first(), failed(Timing("growth", "draw"), reason="no memory")]).markdown
    assert "- growth: no memory" in more


def test_the_summary_says_what_was_met():
    rows = [pair("eager", "bf16", 0.6, 0.7, 0.8), pair("ort", "bf16", 0.4, 0.4, 0.5), pair("ort", "int8", 2.0, 2.0, 2.0)]
    assert "| a small draw, batch 4 | 1000 | ort 0.400 (1/2.5); aimed at 1/2: met | ort 2.000 (1/0.5) |" in page.summary(rows)
    assert "eager 0.700 (1/1.4); aimed at 1/2: missed | – |" in page.summary(rows[:1])


def test_what_is_measured_again_replaces_what_it_was_and_nothing_else():
    old = [*first("a"), pair("ort", campaign="a"), pair("eager", campaign="a"), pair("ort", batch=2, campaign="a")]
    again = [*first("b"), pair("ort", "bf16", 0.1, 0.1, 0.1, campaign="b"), *first("c")]
    other = [Head(campaign="d", key="head", study="frontier", commit="x", settings={})]
    shown = page.newest([*old, *other, *again])
    kept = [(row.campaign, row.session, row.batch) for row in shown if isinstance(row, Paired)]
    assert kept == [("a", "eager", 4), ("a", "ort", 2), ("b", "ort", 4)]
    assert [row.campaign for row in shown if isinstance(row, Head)] == ["a", "b"]
    text = page.render(shown).markdown
    assert text.index("commit-a") < text.index("commit-b") and "ort 0.100 (1/10.0); aimed at 1/2: met" in text and "commit-c" not in text
    with pytest.raises(FvitError, match="no rows of the study 'roofline'"):
        page.newest(other)


def test_a_share_belongs_to_the_machine_that_measured_it():
    faster = Machine(
        campaign="c", key="there", machine="there", environment=ENVIRONMENT, ceilings={"bf16": 1e3, "fp32": 1e3}, bandwidth=1e3
    )
    cells = page.render([*first(), faster, pair(flops=100, bytes=1), pair("ort", flops=100, bytes=1, machine="there")]).cells
    assert [cell["roofline_share"] for cell in cells] == pytest.approx([2.0, 0.2])
