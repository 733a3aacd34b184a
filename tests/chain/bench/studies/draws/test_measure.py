"""Table 3 measured on the smallest networks: complete, resumed, parity first, honest about what has no number; and once by its command."""

import io
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from bench.commands import _table3
from bench.commands._options import Networks, OwnData, Results
from bench.records import ceilings
from bench.records.campaign import How, head_of, latest, machines_of
from bench.records.rows import ColdStart, Failed, Loaded, Timed, Why
from bench.records.store import Store
from bench.studies.draws import coldstart, measure
from bench.studies.draws.page import render
from bench.studies.draws.rounds import DrawBench, time_round
from bench.studies.draws.run import DrawSettings, Run
from bench.worlds.workbench import unavailable
from bench.worlds.world import Brought
from export import parity
from export.parity import ParityError
from helpers.small import small_backbone, small_denoiser
from runtime.errors import FvitError, SessionUnavailable

CPU = torch.device("cpu")
ONE_RULE = {"rules": ("per-step",), "rounds": 1}


class Tiny:
    """A world of the smallest networks with random weights."""

    name, parity_batches, noise, grid = "tiny", (1, 2), 0.1, 32

    def backbone(self, name=None):
        return small_backbone()

    def denoiser(self):
        return small_denoiser()

    def samples(self, count, backbone):
        return torch.rand(min(count, 3), 3, 24, 24, generator=torch.Generator().manual_seed(0)), "random numbers"


@pytest.fixture(scope="module", autouse=True)
def _quick():
    """Small products for the ceilings; a cold start takes a separate process, which tests/whole has."""
    caches = (ceilings.ceiling, ceilings.bandwidth)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ceilings, "SIDES", {"cpu": (64, 128)})
        patch.setattr(ceilings, "VECTOR", {"cpu": 1 << 20})
        patch.setattr(coldstart, "measure", lambda job: dict.fromkeys(coldstart.NAMES, 0.5) | {"peak_bytes": 1 << 30})
        for cache in caches:
            cache.cache_clear()
        yield
    for cache in caches:
        cache.cache_clear()


def settings(**changes) -> DrawSettings:
    return replace(DrawSettings("tiny", "cpu", ("eager",), draws=2, rounds=2, chain_rounds=1, budget=0.5), **changes)


def run(folder, asked: DrawSettings, how=How(), console=None):
    """One pass; the campaign's rows."""
    bench = DrawBench(Tiny(), CPU, asked.images)  # type: ignore[arg-type]
    return measure.measure(asked, bench, Brought(), Store(folder), console or Console(quiet=True), how)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Two sessions, once; which chains are too long does not depend on this machine's speed."""
    folder, asked = tmp_path_factory.mktemp("rows"), settings(sessions=("eager", "ort"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "per_call", lambda row: 0.01)
        return folder, asked, run(folder, asked)


def of(rows, kind):
    return [row for row in rows if isinstance(row, kind)]


def test_every_cell_has_a_number_or_a_reason(measured):
    _, _, rows = measured
    page = render(rows)
    assert len(page.cells) == 45  # 2 sessions x 2 rules x 2 denoisers x 5 levels, and 5 of the fused graph
    assert all(cell["seconds"] > 0 for cell in page.cells if cell["why"] in ("measured", "computed"))
    assert {cell["why"] for cell in page.cells} == {"measured", "computed"}
    assert {cell["why"] for cell in page.cells if cell["denoise"] == "one_shot"} == {"measured"}
    assert "**Random weights" in page.markdown and "Check of the rule for computed cells" in page.markdown


def test_rows_say_what_made_them_and_parity_is_before_any_time(measured):
    _, _, rows = measured
    head, (machine,) = head_of(rows), machines_of(rows)
    assert head.facts == {"random": True} and head.weights["pictures"] == "random numbers" and head.settings["given"]["denoiser"]
    assert machine.ceilings["fp32"] > 0 and machine.bandwidth and {"commit", "cpu"} <= machine.environment.keys()
    networks = {(row.session, row.network_kind): row for row in of(rows, Loaded)}
    assert set(networks) == {(s, k) for s in ("eager", "ort") for k in ("backbone", "denoiser")} | {("ort", "classify_draws")}
    assert networks["ort", "classify_draws"].parity and networks["eager", "backbone"].parity is None
    assert networks["ort", "denoiser"].flops > 0 and networks["ort", "denoiser"].bytes and networks["ort", "denoiser"].opset
    first = next(i for i, row in enumerate(rows) if isinstance(row, Timed))
    assert not of(rows[first:], Loaded) and len(of(rows, ColdStart)) == 2


def test_rounds_are_interleaved_and_their_votes_are_equal(measured):
    _, asked, rows = measured
    times = of(rows, Timed)
    numbers = [row.round for row in times if Run(**row.run).denoise == "one_shot"]
    assert numbers == sorted(numbers) and set(numbers) == {0, 1}
    votes: dict[str, set] = {}
    for row in times:
        votes.setdefault(row.key.partition("/")[0], set()).add(str(row.votes))
        assert sum(row.votes[0]) == asked.draws and row.seconds >= sum(row.stages.values()) > 0 and row.peak_bytes > 0
    assert all(len(found) == 1 for found in votes.values())


def test_a_finished_campaign_repeats_nothing_and_fresh_does(measured):
    folder, asked, rows = measured
    console = Console(file=io.StringIO())
    assert run(folder, asked, console=console) == rows and "measured at this commit before" in console.file.getvalue()
    assert render(latest(Store(folder).read(), "draws")) == render(rows)
    one = replace(asked, sessions=("eager",), **ONE_RULE, denoise=("one_shot",))
    first, again = run(folder, one), run(folder, one, How(fresh=True))
    assert head_of(first).campaign != head_of(again).campaign and len(of(again, Timed)) == 5
    assert head_of(run(folder, replace(one, draws=1))).campaign not in (head_of(first).campaign, head_of(again).campaign)


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, monkeypatch):
    asked, real, seen = settings(rules=("per-step",)), time_round, []

    def stop_at_the_fourth(run, bench, campaign, number):
        seen.append(run.key)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return real(run, bench, campaign, number)

    monkeypatch.setattr(measure, "time_round", stop_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, asked)
    kept = (tmp_path / "rows.jsonl").read_bytes()
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"crc": "0", "row": {"kind": "timed", "cut')  # a kill in the middle of a line
    monkeypatch.setattr(measure, "time_round", real)
    rows = run(tmp_path, asked)
    assert (tmp_path / "rows.jsonl").read_bytes().startswith(kept) and of(rows, Timed)[0].round == 0
    keys = [row.key for row in Store(tmp_path).read()]
    assert len(keys) == len(set(keys)) and len([row for row in of(rows, Timed) if Run(**row.run).denoise == "one_shot"]) == 10


def test_what_fails_has_its_reason_and_is_measured_by_the_same_command(tmp_path, monkeypatch):
    asked = settings(**(ONE_RULE | {"rounds": 3}), denoise=("one_shot",))

    def no_memory(run, bench, campaign, number):
        if run.of_255 == 8 and number == 1:
            raise FvitError("no memory left")
        return time_round(run, bench, campaign, number)

    monkeypatch.setattr(measure, "time_round", no_memory)
    rows = run(tmp_path, asked)
    (failed,) = of(rows, Failed)
    assert failed.missing.why == Why.FAILED and len(of(rows, Timed)) == 4 * 3 + 1  # its other rounds are left for the next time
    assert "a round of eager fp32 staged one_shot per-step 8/255: failed: no memory left" in render(rows).markdown
    monkeypatch.setattr(measure, "time_round", time_round)
    again = run(tmp_path, asked)
    assert not of(again, Failed) and len(of(again, Timed)) == 15


def test_a_session_that_fails_parity_has_reasons_and_no_time(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise ParityError("scores of vit_small_test, batch 1: differs by 1")

    monkeypatch.setattr(parity, "check", fail)
    asked = settings(sessions=("ort",), **ONE_RULE)
    rows = run(tmp_path, asked)
    assert not of(rows, Timed) and not of(rows, Loaded)
    assert {row.missing.why for row in of(rows, Failed)} == {Why.FAILED, Why.NOT_DEFINED} and "differs by 1" in render(rows).markdown
    monkeypatch.undo()
    assert run(tmp_path, asked) == rows  # a parity that failed is not tried again


def test_time_that_is_over_leaves_the_rest(tmp_path):
    rows = run(tmp_path, settings(**ONE_RULE, denoise=("one_shot",)), How(seconds=1e-9))
    assert not of(rows, Timed) and len(of(run(tmp_path, settings(**ONE_RULE, denoise=("one_shot",))), Timed)) == 5


def test_a_session_that_cannot_run_here_is_refused(tmp_path):
    for name in unavailable():
        with pytest.raises(SessionUnavailable, match=f"session {name} cannot run here"):
            run(tmp_path, settings(sessions=(name,)))


def test_fewer_pictures_than_are_wanted_are_refused(tmp_path):
    with pytest.raises(FvitError, match=r"3 pictures given .*, 4 are expected"):
        run(tmp_path, settings(images=4))


def test_the_command_measures_writes_and_makes_the_page_again(tmp_path, capsys):
    timed = dict.fromkeys(("rule", "chain_rounds", "budget", "pictures")) | {"draws": 1, "rounds": 1, "images": 1}
    own = SimpleNamespace(session=("eager",), precision=("fp32",), denoise=("one_shot",), **timed | {"rule": ("per-step",)})

    def wanted(**results):
        return SimpleNamespace(
            seed=0, device="cpu", timed=own, networks=Networks(), own=OwnData(), results=Results(folder=tmp_path, **results)
        )

    assert _table3.run(wanted(), Console()) == 0  # type: ignore[arg-type]
    (folder,) = tmp_path.iterdir()
    shown = capsys.readouterr().out
    assert "table 3, world embedded: sessions eager on cpu" in shown and "# Table 3, world `embedded`" in shown
    before = {name: (folder / name).read_bytes() for name in ("table3.md", "table3.csv", "table3.png")}
    (folder / "table3.md").unlink()
    assert _table3.run(wanted(from_rows=True), Console()) == 0  # type: ignore[arg-type]
    assert {name: (folder / name).read_bytes() for name in before} == before
    import getpass
    import platform

    text = (folder / "rows.jsonl").read_text() + (folder / "table3.md").read_text()
    assert platform.node() not in text and str(tmp_path) not in text
    assert getpass.getuser() == "root" or getpass.getuser() not in text


def test_defaults_fit_the_world_and_the_device():
    timed = SimpleNamespace(session=("ort",), precision=("fp32",), denoise=("one_shot",), rule=None, images=1, draws=None, rounds=5,
                            chain_rounds=None, budget=None)  # fmt: skip
    for slow, expected in ((False, (10, 5, 2, 4.0)), (True, (1, 5, 1, 300.0))):
        world = SimpleNamespace(name="w", slow_on=lambda on, slow=slow: slow)
        made = _table3.settings_of(SimpleNamespace(timed=timed, seed=3), world, "cpu")  # type: ignore[arg-type]
        assert (made.draws, made.rounds, made.chain_rounds, made.budget) == expected and made.seed == 3
        assert made.rules == (("per-step",) if slow else ("cumulative", "per-step"))
