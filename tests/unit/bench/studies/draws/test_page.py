"""Table 3's page from hand-made rows: every number and every reason comes from them."""

import re
from dataclasses import asdict, replace

import msgspec
import pytest

from bench.pages import published
from bench.protocols import SIGMAS
from bench.records.rows import ColdStart, Failed, Head, Loaded, Machine, Missing, Timed, Why
from bench.records.store import plain
from bench.studies.draws.cells import timed_cells
from bench.studies.draws.page import render
from bench.studies.draws.plot import COLUMNS
from bench.studies.draws.run import CHAIN, DrawSettings, DrawSubject, Run
from runtime.diffusion import schedule
from runtime.errors import FvitError

BASE = Run("tiny", "vit", "unet", "eager", "fp32", "staged", "one_shot", "per-step", 8 / 255, 2, 1, "rollout", 0)
PARITY = {"largest": 1e-5, "relative": 2e-5, "cosine": 0.9999999, "labels": 1.0, "cases": 3}
FLOPS = {"backbone": 10**9, "denoiser": 3 * 10**9, "classify_draws": 4 * 10**9}


def run(session="eager", graph="staged", denoise="one_shot", sigma=8) -> Run:
    return replace(BASE, session=session, graph=graph, denoise=denoise, sigma=sigma / 255)


def level(of: Run) -> tuple[int, float, int]:
    found = schedule.level(schedule.linear(), of.sigma, of.rule)
    return found.t, found.sigma, (1 if of.denoise == "one_shot" else found.t + 1) if found.denoises else 0


def timed(of: Run, number: int, seconds: float, denoise: float, process="p") -> Timed:
    t, sigma, calls = level(of)
    stages = {"noise": 0.1, "denoise+classify": denoise} if of.graph == "fused" else {"noise": 0.1, "denoise": denoise, "classify": 0.2}
    return Timed(
        campaign="c", key=f"{of.key}/{number}", machine="m", process=process, run=asdict(of), round=number, seconds=seconds, stages=stages,
        device_stages={}, votes=[[2, 0]], batch=2, t=t, sigma=sigma, believed=sigma, calls=calls, peak_bytes=1 << 20,
    )  # fmt: skip


def failed(of: Run, why: Why, reason: str, number=0) -> Failed:
    t, sigma, calls = level(of)
    about = DrawSubject("round", of.session, of.precision, "", asdict(of), t, sigma, calls)
    return Failed(campaign="c", key=f"{of.key}/{number}", missing=Missing(why, reason), again=why == Why.FAILED, subject=asdict(about))


def other(what, reason: str, network="") -> Failed:
    about = DrawSubject(what, "trt", "fp16", network)
    return Failed(campaign="c", key=f"trt fp16/{what}", missing=Missing(Why.NOT_HERE, reason), again=False, subject=asdict(about))


def loaded(session: str, kind: str) -> Loaded:
    exported = session == "ort"
    facts = {"provider": "torch", "compute_precision": "fp32"} | ({"nodes": {"CPU": 7}} if exported else {})
    return Loaded(
        campaign="c", key=f"{session} fp32/{kind}", session=session, precision="fp32", network_kind=kind, network=f"tiny_{kind}",
        fingerprint="f", weights="w", facts=facts, parity=PARITY if exported else None, load_seconds=1.0, flops=FLOPS[kind],
        bytes=2_500_000 if exported else None,
    )  # fmt: skip


def head(random=False, **changes) -> Head:
    settings = replace(DrawSettings("tiny", "cpu", ("eager", "ort"), rules=("per-step",), draws=2, rounds=2, chain_rounds=1), **changes)
    return Head(
        campaign="c", key="head", study="draws", commit="abc", settings=plain(asdict(settings)) | {"given": {}},
        weights={"backbone": "shipped", "pictures": "digits"}, unavailable={"trt": "no GPU"}, facts={"random": random},
    )  # fmt: skip


def machine() -> Machine:
    facts = {"cpu": "CPU", "cores": 2, "threads": 2, "memory_gib": 4, "load_at_start": 0, "python": "3", "versions": {}, "gpu": None}
    return Machine(campaign="c", key="m", machine="m", environment=facts, ceilings={"fp32": 16e9}, bandwidth=1e9)


def rows(*more, random=False, **settings) -> list:
    cold = ColdStart(
        campaign="c", key="eager fp32/cold start", session="eager", precision="fp32", import_seconds=1.0, load_seconds=2.0,
        first_call_seconds=3.0, second_call_seconds=0.5, peak_bytes=3 << 20,
    )  # fmt: skip
    found = [
        head(random, **settings), machine(), loaded("eager", "backbone"), loaded("eager", "denoiser"), loaded("ort", "classify_draws"), cold,
        *(timed(run(), i, 2.0 + i, 1.0) for i in range(2)),
        *(timed(run("ort", "fused"), i, 1.0 + i / 2, 0.5) for i in range(2)),
        timed(run(denoise=CHAIN, sigma=4), 0, 10.0, 9.0),
        failed(run(denoise=CHAIN, sigma=16), Why.COMPUTED, "194 calls per draw would take 97 s"),
        *more,
    ]  # fmt: skip
    return [msgspec.convert(plain(row), type(row)) for row in found]  # with the digits that a store keeps


def line(markdown: str, start: str) -> list[str]:
    row = next(row for row in markdown.splitlines() if row.startswith(f"| {start}"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_seconds_per_draw_with_their_interval():
    page = render(rows())
    assert line(page.markdown, "one-shot, per-step: eager fp32")[3] == "1.25 [1, 1.5]"  # 2 and 3 s for two draws
    assert line(page.markdown, "one-shot, per-step: ort fp32, fused graph")[3] == "0.625 [0.5, 0.75]"
    ten = page.markdown.partition("## Seconds for 10 draws")[2]
    assert line(ten, "one-shot, per-step: eager fp32")[3] == "12.5 [10, 15] c" and "measured over 2 draw(s) per round" in ten
    assert line(page.summary, "one-shot, per-step: eager fp32")[3] == "1.25" and "How to read it" not in page.summary


def test_the_printed_seconds_and_steps_stand_with_ours():
    page = render(rows())
    assert line(page.markdown, "printed in the paper | 0.06")[1:] == ["0.06", "0.318", "0.32", "0.325", "0.333"]
    assert line(page.markdown, "printed in the paper | 0 ")[1:] == ["0", "8", "45", "107", "193"]
    assert [cell.partition(" ")[0] for cell in line(page.markdown, "`per-step`")[1:]] == ["0", "8", "45", "107", "193"]
    assert line(page.markdown, "`per-step`")[1] == "0 (2.0, no denoiser)"
    assert line(page.markdown, "`released`")[5] == "193 (8.0, taken for 2667)"
    assert [f"| `{rule}` |" in page.markdown for rule in ("cumulative", "cumulative-unet-range", "carlini")] == [True] * 3
    assert "comparable with the **one-shot, per-step** rows" in page.markdown


def test_a_long_chain_is_computed_marked_and_the_rule_is_checked():
    page = render(rows())
    chain = next(cell for cell in timed_cells(rows()) if cell.run.denoise == CHAIN and cell.run.of_255 == 16)
    assert chain.calls == 194 and not chain.measured and chain.seconds == pytest.approx(194 * 0.5 + 1.25 - 0.5)
    assert line(page.markdown, "chain, per-step: eager fp32")[5] == "97.8 c"
    assert "- eager fp32: chain from t* = 8 (9 calls): measured 5 s, computed 5.25 s, +5.0 %" in page.markdown
    assert "chain, per-step: eager fp32, 16/255: computed: 194 calls per draw would take 97 s" in page.markdown


def test_a_chain_with_nothing_to_compute_it_from_is_not_measured():
    lonely = replace(run(denoise=CHAIN, sigma=16), session="ort")
    page = render(rows(failed(lonely, Why.COMPUTED, "too long")))
    assert line(page.markdown, "chain, per-step: ort fp32")[5] == "– (not measured)"
    assert "too long; no measured one-shot call to compute it from" in page.markdown


def test_stages_sessions_ratios_and_cold_starts():
    page = render(rows())
    consists = page.markdown.partition("## What a draw consists of")[2]
    assert line(consists, "one-shot, per-step: eager fp32") == [
        "one-shot, per-step: eager fp32", "8/255", "1", "50.00", "500.00", "100.00", "–", "–", "600.00",
    ]  # fmt: skip
    assert line(page.markdown, "eager fp32 | tiny_denoiser")[2:] == ["torch, computes in fp32", "reference", "6 (38%)", "–"]
    fused = ["7 nodes on CPU, computes in fp32", "2.0e-05 of its deviation, cosine 0.9999999", "16 (100%)", "2.5"]
    assert line(page.markdown, "ort fp32 | tiny_classify_draws")[2:] == fused
    assert "- ort fp32, fused: **0.50** [0.50, 0.50] of eager fp32's time per one-shot draw (2 pairs)" in page.markdown
    assert line(page.markdown, "eager fp32 | 1.00")[1:] == ["1.00", "2.00", "3.00", "0.50", "3"]


def test_rounds_of_two_processes_make_no_pair():
    page = render(
        [row for row in rows() if not isinstance(row, Timed)] + [timed(run(), 0, 2.0, 1.0, "a"), timed(run("ort"), 0, 1.0, 0.5, "b")]
    )
    assert "Against eager" not in page.markdown


def test_every_reason_is_shown():
    page = render(rows(
        failed(run("ort", "fused", sigma=2), Why.NOT_DEFINED, "nothing to fuse"), failed(run("ort", sigma=4), Why.FAILED, "differs by 1"),
        failed(run(), Why.FAILED, "no memory", 2), other("network", "no fp16", "denoiser"), other("cold start", "no GPU there"),
    ))  # fmt: skip
    assert "one-shot, per-step: ort fp32, fused graph, 2/255: not defined: nothing to fuse" in page.markdown
    assert line(page.markdown, "one-shot, per-step: ort fp32 ")[2] == "– (failed)" and "failed: differs by 1" in page.markdown
    assert "a round of eager fp32 staged one_shot per-step 8/255: failed: no memory" in page.markdown
    assert line(page.markdown, "one-shot, per-step: eager fp32")[3] == "1.25 [1, 1.5]"  # of the rounds that did not fail
    assert "| trt fp16 | denoiser | no fp16 |" in page.markdown and "| trt fp16 | no GPU there |" in page.markdown
    assert "- session trt: no GPU" in page.markdown


def test_random_weights_are_said_by_their_kind_not_their_name():
    assert "**Random weights" in render(rows(random=True)).markdown and "**Random weights" not in render(rows()).markdown


def test_the_heading_names_machine_weights_and_settings():
    text = render(rows()).markdown
    for part in ("Table 3, world `tiny`", "machine: CPU, 2 cores", "commit abc", "backbone shipped; pictures digits", "2 draws of 1 picture(s)",
                 "one-shot 2, chain 1", "eager staged 2, ort fused 2"):  # fmt: skip
        assert part in text
    assert "chain 1" not in render(rows(denoise=("one_shot",))).markdown


def test_cells_for_programs_and_the_plot():
    page = render(rows())
    eager = next(cell for cell in page.cells if cell["session"] == "eager" and cell["denoise"] == "one_shot")
    assert (eager["sigma"], eager["seconds"], eager["why"], eager["rounds"]) == (8, 1.25, "measured", 2)
    assert eager["denoise_seconds"] == 0.5 and eager["roofline_share"] == pytest.approx((0.25 + 0.5 / 3) / 2)  # 8 G of 32 G and 48 G
    assert len(page.plots["table3.png"]) > 10_000 and len(page.cells) == 4


def test_settings_come_back_from_the_first_row():
    assert DrawSettings.read(head().settings).sessions == ("eager", "ort")


def test_a_key_is_of_all_settings():
    assert len({run(sigma=sigma).key for sigma in SIGMAS} | {replace(BASE, seed=1).key, replace(BASE, session="ort").key}) == 7
    assert re.fullmatch("[0-9a-f]{12}", BASE.key)


def test_a_changed_header_of_the_published_cells_is_refused():
    assert tuple(published.read("3", COLUMNS).index) == SIGMAS
    with pytest.raises(FvitError, match=r"table3.csv has the columns .*; sigma, t, s are expected"):
        published.read("3", ("sigma", "t", "s"))
