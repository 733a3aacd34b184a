"""Table 3 from measurement to text: complete, resumed, made again from rows, honest about what has no number."""

import io
import json
import re
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

from bench.commands import _tables as report
from bench.pages import published
from bench.records import ceilings as roofline
from bench.records.rows import Rows
from bench.studies.draws import campaign, coldstart, measure
from bench.studies.draws.campaign import Options, cells
from bench.studies.draws.page import COLUMNS
from bench.tables.table3 import TABLE
from bench.worlds.world import WorldOptions, build
from export import parity
from runtime.errors import FvitError, SessionUnavailable


@pytest.fixture(scope="module", autouse=True)
def _quick():
    """Small products for the ceilings; a cold start takes a process of its own, which tests/whole has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(roofline, "SIDES", {"cpu": (64, 128)})
        patch.setattr(roofline, "VECTOR", {"cpu": 1 << 20})
        names = ("import_seconds", "load_seconds", "first_call_seconds", "second_call_seconds")
        patch.setattr(coldstart, "measure", lambda *given: dict.fromkeys(names, 0.5) | {"peak_bytes": 1 << 30})
        for cache in (roofline.ceiling, roofline.bandwidth):
            cache.cache_clear()
        yield
    for cache in (roofline.ceiling, roofline.bandwidth):
        cache.cache_clear()


def quick(tmp_path, **changes) -> Options:
    return replace(Options(WorldOptions(), ("eager",), draws=2, rounds=2, chain_rounds=1, budget=0.5, results=tmp_path), **changes)


def silent() -> Console:
    return Console(file=io.StringIO())


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Both default sessions, once; which chains are too long does not depend on this machine's speed."""
    options = quick(tmp_path_factory.mktemp("results"), sessions=("eager", "ort"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(campaign, "_per_call", lambda row: 0.01)
        rows = TABLE.measure(options, silent())
    return options, rows, report.write(TABLE, campaign.folder(options))


def test_every_cell_has_a_number_or_a_reason(measured):
    options, _, rendered = measured
    assert len(rendered.cells) == len(cells(options, build(options.world))) == 45
    for cell in rendered.cells:
        assert cell["word"] in ("measured", "computed", "not defined")
        assert (cell["seconds"] is not None and cell["seconds"] > 0) or cell["reason"]
    words = {cell["word"] for cell in rendered.cells if cell["denoise"] == "one_shot" and cell["graph"] == "staged"}
    assert words == {"measured"}


def test_the_printed_t_star_come_out_of_the_per_step_rule(measured):
    _, _, rendered = measured
    found = {c["sigma"]: c["t"] for c in rendered.cells if c["rule"] == "per-step"}
    printed = published.read(3, COLUMNS)
    assert found == {sigma: int(t) for sigma, t in printed["t_star"].items()} == {2: 0, 4: 8, 8: 45, 12: 107, 16: 193}


def test_the_printed_seconds_stand_beside_ours(measured):
    _, _, rendered = measured
    row = next(line for line in rendered.markdown.splitlines() if line.startswith("| printed in the paper | 0.06"))
    assert [cell.strip() for cell in row.strip("|").split("|")][1:] == ["0.06", "0.318", "0.32", "0.325", "0.333"]
    assert "comparable with the **one-shot, per-step** rows" in rendered.markdown


def test_long_chains_are_computed_marked_and_checked(measured):
    _, _, rendered = measured
    chain = {c["sigma"]: c for c in rendered.cells if c["denoise"] == "chain" and c["rule"] == "per-step" and c["session"] == "eager"}
    assert chain[16]["word"] == "computed" and chain[16]["calls"] == 194 and "194 calls a draw" in chain[16]["reason"]
    assert chain[4]["word"] == "measured" and chain[16]["seconds"] > 0
    assert re.search(r"- eager fp32: chain from t\* = \d+ \(\d+ calls\): measured .* s, computed .* s", rendered.markdown)


def test_rows_say_what_made_them(measured):
    _, rows, _ = measured
    head = rows[0]
    assert head["kind"] == "campaign" and head["weights"]["denoiser"].startswith("trained, ")
    assert {"commit", "versions", "cpu", "threads"} <= head["environment"].keys()
    times = [row for row in rows if row["kind"] == "time"]
    assert all(sum(row["votes"][0]) == 2 and row["seconds"] > 0 and row["run"]["seed"] == 0 for row in times)
    networks = {(row["session"], row["network_kind"]): row for row in rows if row["kind"] == "network"}
    assert networks["ort", "classify_draws"]["parity"]["cosine"] > 0.99999 and networks["eager", "backbone"]["parity"] is None
    assert networks["ort", "denoiser"]["flops"] > 1e8 and networks["ort", "denoiser"]["bytes"] > 1e6
    first = next(i for i, row in enumerate(rows) if row["kind"] == "time")
    assert all(row["kind"] != "network" for row in rows[first:])  # parity before any time


def test_no_host_or_user_name_is_written(measured):
    import getpass
    import platform

    options, _, _ = measured
    text = (campaign.folder(options) / "environment.json").read_text() + Rows(campaign.folder(options)).path.read_text()
    assert platform.node() not in text and str(options.results) not in text
    assert getpass.getuser() == "root" or getpass.getuser() not in text


def test_the_table_is_made_again_from_rows_alone(measured):
    options, _, rendered = measured
    folder = campaign.folder(options)
    before = {name: (folder / name).read_bytes() for name in ("table3.md", "table3.csv", "environment.json")}
    (folder / "table3.md").unlink()
    assert report.write(TABLE, folder).markdown == rendered.markdown
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert len(pd.read_csv(folder / "table3.csv")) == 45 and (folder / "table3.png").stat().st_size > 20_000


def test_a_finished_campaign_repeats_nothing(measured):
    options, rows, _ = measured
    console = silent()
    assert TABLE.measure(options, console) == rows
    assert "measured at this commit before" in console.file.getvalue()


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, monkeypatch):
    options, real, seen = quick(tmp_path, rules=("per-step",)), measure.measure, []

    def stop_at_the_fourth(run, bench):
        seen.append(run.key)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return real(run, bench)

    monkeypatch.setattr(measure, "measure", stop_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        TABLE.measure(options, silent())
    path = campaign.folder(options) / "rows.jsonl"
    kept = path.read_text()
    with path.open("a") as file:
        file.write('{"kind": "time", "cut')  # a kill in the middle of a line
    monkeypatch.setattr(measure, "measure", real)
    rows = TABLE.measure(options, silent())
    assert path.read_text().startswith(kept)
    counts = [(row["key"], row["round"]) for row in rows if row["kind"] == "time"]
    assert len(counts) == len(set(counts)) and len([row for row in rows if row["kind"] == "campaign"]) == 1
    assert {row["kind"] for row in rows} == {"campaign", "network", "cold", "time", "reason"}
    one_shot = [row for row in rows if row["kind"] == "time" and row["run"]["denoise"] == "one_shot"]
    assert len(one_shot) == 5 * options.rounds and len({row["process"] for row in rows}) == 1


def test_votes_do_not_depend_on_the_round(measured):
    _, rows, _ = measured
    by_key: dict[str, set] = {}
    for row in (r for r in rows if r["kind"] == "time"):
        by_key.setdefault(row["key"], set()).add(json.dumps(row["votes"]))
    assert all(len(votes) == 1 for votes in by_key.values())


def test_another_setting_is_another_campaign(tmp_path):
    options = quick(tmp_path, rules=("per-step",), rounds=1, budget=0.01)
    first = TABLE.measure(options, silent())
    second = TABLE.measure(replace(options, draws=1), silent())
    assert first[0]["campaign"] != second[0]["campaign"] and {row["campaign"] for row in second} == {second[0]["campaign"]}


def test_a_cell_whose_session_fails_parity_has_a_reason_and_no_time(tmp_path, monkeypatch):
    from export.parity import ParityError

    def fail(*args, **kwargs):
        raise ParityError("scores of vit_embedded, batch 1: differs by 1")

    monkeypatch.setattr(parity, "check", fail)
    options = quick(tmp_path, sessions=("ort",), rules=("per-step",), rounds=1)
    rows = TABLE.measure(options, silent())
    assert not any(row["kind"] == "time" for row in rows)
    rendered = report.write(TABLE, campaign.folder(options))
    assert {cell["word"] for cell in rendered.cells} <= {"ParityError", "not defined"} and "differs by 1" in rendered.markdown


def test_a_session_that_cannot_run_here_is_refused_when_asked_for_and_told_in_the_table(measured):
    options, _, rendered = measured
    for name, why in campaign.unavailable().items():
        assert f"session {name}: {why}" in rendered.markdown
        with pytest.raises(SessionUnavailable, match=f"session {name} cannot run here"):
            TABLE.measure(replace(options, sessions=(name,)), silent())


def test_no_rows_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(FvitError, match="no rows of table 3 here; measure first: fvit table 3"):
        report.write(TABLE, tmp_path)
