"""Rows survive what happens to files."""

import pytest

from bench.records.machine import cpu_name, machine
from bench.records.rows import Rows
from bench.records.stats import median_interval, paired_ratio
from runtime.errors import FvitError


def test_a_cut_last_line_is_left_out_counted_and_closed(tmp_path):
    rows = Rows(tmp_path)
    rows.append({"kind": "a"})
    with rows.path.open("a") as file:
        file.write('{"kind": "b", "val')
    assert [row["kind"] for row in rows.read()] == ["a"] and rows.dropped == 1
    rows.append({"kind": "c"})
    assert [row["kind"] for row in Rows(tmp_path).read()] == ["a", "c"]


def test_damage_in_the_middle_is_an_error_with_its_line(tmp_path):
    rows = Rows(tmp_path)
    rows.path.write_text('{"kind": "a"}\nnot json\n{"kind": "b"}\n')
    with pytest.raises(FvitError, match=r"rows\.jsonl:2 is damaged"):
        rows.read()


def test_rows_that_cannot_be_written_say_so(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(FvitError, match=r"cannot write .*rows written before are kept"):
        Rows(blocked / "below").append({"kind": "a"})


def test_the_machine_has_a_name_for_a_folder():
    assert cpu_name() and machine() == machine().lower() and "/" not in machine() and " " not in machine()


def test_the_median_interval_is_between_order_statistics():
    assert median_interval([3, 1, 2]) == (2.0, 1.0, 3.0)  # too few for 95 %: the whole range
    assert median_interval(range(1, 7)) == (3.5, 1.0, 6.0)  # 1 - 2/64 = 0.969
    assert median_interval(range(1, 101)) == (50.5, 40.0, 61.0)  # the textbook's ranks for n = 100


def test_ratios_use_shared_pairs_only():
    assert paired_ratio({("a", 1): 1.0, ("b", 1): 9.0}, {("a", 1): 2.0, ("c", 1): 1.0}) == (0.5, 0.5, 0.5)
    assert paired_ratio({("a", 1): 1.0}, {("b", 1): 1.0}) is None
