"""Rows on disk: written by one process at a time, checked by a checksum, set aside where damaged, packed, made into frames."""

import json
import zlib

import msgspec
import pytest

from bench import records
from bench.records import schema
from bench.records.frames import tidy
from bench.records.rows import KINDS, Answered, Failed, Gained, Head, Missing, Why
from bench.records.store import DAMAGED, OWNER, PACKED, ROWS, Store, plain
from runtime.errors import FvitError
from runtime.provenance import ROOT


def gained(number: int = 0) -> Gained:
    return Gained(campaign="c", key=f"k{number}", sigma=0.25, decibels=[1.5, 2.0])


def write(store: Store, *rows) -> None:
    with store.locked():
        for row in rows:
            store.append(row)


def test_what_is_written_is_read_with_machine_and_process(tmp_path):
    write(Store(tmp_path / "new"), gained(), Failed(campaign="c", key="f", missing=Missing(Why.FAILED, "no room"), again=True))
    first, second = Store(tmp_path / "new").read()
    assert isinstance(first, Gained) and first.decibels == [1.5, 2.0] and first.machine and first.process
    assert isinstance(second, Failed) and second.missing == Missing(Why.FAILED, "no room")


def test_every_line_is_strict_json_with_a_checksum_of_its_row(tmp_path):
    write(Store(tmp_path), gained())
    line = (tmp_path / ROWS).read_bytes().rstrip(b"\n")
    whole = json.loads(line, parse_constant=lambda name: pytest.fail(name))
    content = line[line.index(b'"row":') + 6 : -1]
    assert whole["crc"] == f"{zlib.crc32(content):08x}" and json.loads(content) == whole["row"] and whole["row"]["kind"] == "gained"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_nan_and_no_infinity(value):
    with pytest.raises(ValueError, match="finite"):
        plain(msgspec.structs.replace(gained(), decibels=[value]))


def test_numbers_have_the_digits_of_float32():
    assert plain([0.1, 1 / 3, 3, 1e-9]) == [0.1, 0.33333334, 3, 1e-9]


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[: len(line) // 2],
        lambda line: line.replace(b"2.0", b"3.0"),
        lambda line: b"\xff\xfe" + line,
        lambda line: b"[" * 5000 + b"]" * 5000,
        lambda line: b"3",
        lambda line: b'{"crc": "00000000", "row": 3}',
    ],
    ids=["cut", "edited", "no UTF-8", "deep", "no object", "no row"],
)
def test_a_damaged_line_is_set_aside_and_said_and_the_others_stay(tmp_path, damage):
    write(Store(tmp_path), gained(0), gained(1), gained(2))
    lines = (tmp_path / ROWS).read_bytes().splitlines()
    lines[1] = damage(lines[1])
    (tmp_path / ROWS).write_bytes(b"\n".join(lines) + b"\n")
    store, said = Store(tmp_path), []
    assert [row.key for row in store.read()] == ["k0", "k2"] and len(store.damaged) == 1
    write(Store(tmp_path, said.append), gained(3))
    assert [row.key for row in store.read()] == ["k0", "k2", "k3"] and store.damaged == []
    assert (tmp_path / DAMAGED).read_bytes() == lines[1] + b"\n" and "1 damaged line" in said[0]


def test_a_line_that_a_kill_cut_does_not_spoil_the_next(tmp_path):
    write(Store(tmp_path), gained(0))
    with (tmp_path / ROWS).open("ab") as file:
        file.write(b'{"crc":"00')
    write(Store(tmp_path), gained(1))
    assert [row.key for row in Store(tmp_path).read()] == ["k0", "k1"]


def test_a_dead_owner_is_told_and_taken_over(tmp_path):
    (tmp_path / OWNER).write_text(json.dumps({"pid": 1, "since": "yesterday", "command": "fvit table 8"}))
    said = []
    with Store(tmp_path, said.append).locked():
        pass
    assert "process 1 (fvit table 8, since yesterday) ended without letting go" in said[0]


def test_packed_rows_are_read_with_those_that_come_after(tmp_path):
    store = Store(tmp_path)
    write(store, gained(0), gained(1))
    store.pack()
    assert (tmp_path / PACKED).is_file() and not (tmp_path / ROWS).exists()
    write(store, gained(2))
    assert [row.key for row in store.read()] == ["k0", "k1", "k2"]
    store.pack()
    assert [row.key for row in store.read()] == ["k0", "k1", "k2"]


@pytest.mark.parametrize("name", [ROWS, PACKED])
def test_a_folder_in_the_file_s_place_is_one_line(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(FvitError, match="cannot be read"):
        Store(tmp_path).read()


def test_frames_and_one_tidy_table(tmp_path):
    head = Head(campaign="c", key="head", study="trials", commit="abc", settings={"n": 3})
    answered = Answered(
        campaign="c", key="t/0-2/x", trial={"backbone": "vit"}, numbers=[0, 1], labels=[3, 4], answers=[3, 5],
        scores={"vta": {"topk": [[0.5], [1.0]]}},
    )  # fmt: skip
    write(Store(tmp_path), head, answered)
    frames = records.load(tmp_path)
    assert frames["head"]["settings.n"].tolist() == [3] and frames["answered"]["trial.backbone"].tolist() == ["vit"]
    table = tidy(tmp_path)
    scores = table[table["field"] == "scores.vta.topk"]
    assert scores["value"].tolist() == [0.5, 1.0] and scores["place"].tolist() == ["0.0", "1.0"] and set(scores["study"]) == {"trials"}


def test_the_page_of_rows_is_made_from_their_classes():
    assert (ROOT / "docs" / "rows.md").read_text() == schema.page()
    assert len({kind.__struct_config__.tag for kind in KINDS}) == len(KINDS)
