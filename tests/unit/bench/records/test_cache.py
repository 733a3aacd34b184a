"""Arrays on disk by what made them."""

import pytest
import torch

from bench.records import cache
from runtime.errors import FvitError


def test_a_damaged_file_of_the_cache_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)
    made = []

    def make():
        made.append(1)
        return {"x": torch.ones(2).numpy()}

    assert cache.recall({"a": 1}, make)["x"].tolist() == cache.recall({"a": 1}, make)["x"].tolist() and len(made) == 1
    (file,) = tmp_path.rglob("*.npz")
    file.write_bytes(file.read_bytes()[:50])
    assert cache.recall({"a": 1}, make)["x"].tolist() == [1, 1] and len(made) == 2
    monkeypatch.setattr(cache, "MOST", 0)
    cache.recall({"a": 2}, make)
    assert not list(tmp_path.rglob("*.npz"))


def test_a_cache_that_cannot_be_written_is_one_error_line(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a file where the folder should be")
    monkeypatch.setattr(cache, "folder", lambda: tmp_path / "file")
    with pytest.raises(FvitError, match=r"cannot keep answers in .*set FVIT_ANSWERS"):
        cache.recall({"a": 1}, lambda: {"x": torch.ones(2).numpy()})
