"""The paper's cells: how many there are, that none has changed, and what a file may not be."""

import hashlib

import pytest

from bench.pages import published
from bench.pages.published import Printed
from runtime.errors import FvitError

COUNTS = {"1": 144, "2": 20, "4": 12, "5": 0, "6": 10, "7": 432, "8": 21, "9": 10, "10": 15}  # numbers; Table 8 prints three dashes besides
SUMS = {  # of `_sum`
    "1": "d34914f78052", "2": "0ce242dc46f3", "4": "d080ab7868e7", "5": "4f53cda18c2b", "6": "13e08ab8771b",
    "7": "69103266c847", "8": "916400b9e844", "9": "4edf436c53cc", "10": "2f75e9da645a",
}  # fmt: skip


def _sum(table: str) -> str:
    cells = sorted((names, printed.value) for names, printed in published.cells(table).items())
    return hashlib.sha256(repr(cells).encode()).hexdigest()[:12]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder in the place of the published files."""
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    published.cells.cache_clear()
    yield tmp_path
    published.cells.cache_clear()


def test_all_664_cells_are_there_and_none_has_changed():
    assert {table: len(published.cells(table)) for table in COUNTS} == COUNTS and sum(COUNTS.values()) == 664
    assert {table: _sum(table) for table in COUNTS} == SUMS


def test_cells_come_in_our_units_with_what_is_in_doubt():
    assert published.cells("1")["ViT", "Ours", "ImageNet", "Cla. Acc."] == Printed(0.85, "")
    assert published.cells("8")["FViT (VTA + DDS)", "8/255"].value == pytest.approx(0.8297)
    assert published.cells("2")["Ours", "Segmentation", "mIoU"].value == 0.985
    assert "a digit may be lost" in published.cells("6")["linf", "2/255"].note
    assert ("VTA + DiffPure", "0/255") not in published.cells("8")  # a dash


def test_what_the_notes_say_of_the_regularity_of_the_printed_cells():
    """Table 1: each model's column is the ViT's and 0.01 more, but for two cells; Tables 8 to 10: every accuracy is k / 47."""
    cells = published.cells("1")
    further = {"ViT": 0.00, "DeiT": 0.01, "Swin": 0.02}
    off = [names for names, one in cells.items() if abs(one.value - cells["ViT", *names[1:]].value - further[names[0]]) > 1e-6]
    assert sorted(off) == [("DeiT", "Ours", "COCO", "Pix. Acc."), ("DeiT", "Ours", "COCO", "mIoU")]
    accuracies = [one.value for table in ("8", "9", "10") for one in published.cells(table).values()]
    assert max(abs(47 * value - round(47 * value)) for value in accuracies) < 0.01


def test_a_changed_header_of_the_published_cells_is_refused():
    with pytest.raises(FvitError, match=r"table3.csv has the columns .*; sigma, t, s are expected"):
        published.read("3", ("sigma", "t", "s"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("row,column,value\n", r"table9\.csv has the columns row, column, value; a cell's names and then value, unit, note are expected"),
        (
            "row,value,unit,note\na,many,percent,\n",
            r"table9\.csv, line 2: the value 'many' given; a number is expected, or an empty field",
        ),
        ("row,value,unit,note\na,nan,percent,\n", "line 2: the value 'nan' given"),
        ("row,value,unit,note\na,1,miles,\n", "line 2: the unit 'miles' given; one of percent, fraction, score is expected"),
        ("row,value,unit,note\na,1,score,\na,2,score,\n", "line 3: two cells a; keep one"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(folder, text, said):
    (folder / "table9.csv").write_text(text)
    with pytest.raises(FvitError, match=said):
        published.cells("9")


def test_a_table_that_is_not_the_paper_s_has_no_cells(folder):
    assert published.cells("11") == {}
