"""A rehearsal by the real command line: the world `paper` with small networks, random weights and the small files that it writes itself."""

import numpy as np
import pytest

from bench.cli import main
from bench.records.rows import Answered, Clocked, Failed, Rehearsed, Why
from bench.records.store import Store
from bench.worlds import paper
from bench.worlds.data import _small
from bench.worlds.workbench import EAGER, Workbench
from helpers.small import small_denoiser
from runtime.diffusion import networks as denoisers

NETWORKS = {"ViT": "timm:test_vit", "Swin": "timm:test_vit2"}


@pytest.fixture(autouse=True)
def _small_networks(monkeypatch):
    """Two small classifiers of ImageNet's classes and a small denoiser; all that is asked answers eagerly."""
    load = Workbench.load
    monkeypatch.setattr(Workbench, "load", lambda self, engine, kind: load(self, EAGER, kind))
    monkeypatch.setattr(denoisers, "build", lambda *arguments: small_denoiser())
    monkeypatch.setattr(paper, "NAMES", NETWORKS)


def rehearse(tmp_path, *words):
    """Exit code and the folder of rows and pages."""
    code = main(["table", *words, "--world", "paper", "--rehearse", "--results", str(tmp_path / "results")])
    folders = list((tmp_path / "results").glob("paper-*/rehearsal"))
    return code, folders[0] if folders else None


def test_a_table_runs_without_a_file_and_goes_on_where_it_stopped(tmp_path, capsys):
    code, folder = rehearse(tmp_path, "8")
    assert code == 0
    rows = Store(folder).read()
    measured = [row for row in rows if isinstance(row, Rehearsed) and row.key.endswith("/rehearsed")]
    computed = [row for row in rows if isinstance(row, Failed)]
    assert {row.missing.why for row in computed} == {Why.COMPUTED} and len(computed) > len(measured) > 5
    answered = [row for row in rows if isinstance(row, Answered)]
    assert all(row.numbers == [0] and row.trial["defence"].get("draws", 1) <= 2 for row in answered if "defence" in row.trial)
    attacks = {threat.get("attack", "pgd") for row in answered if (threat := row.trial.get("threat"))}
    assert attacks == {"pgd", "eot_pgd", "bpda"}
    ddim = [row.trial["defence"] for row in answered if row.trial.get("defence", {}).get("denoise") == "ddim"]
    assert ddim and {one["steps"] for one in ddim} == {3}
    clock = next(row for row in rows if isinstance(row, Clocked))
    assert {"denoise", "draw timm:test_vit", "classify timm:test_vit"} <= set(clock.seconds) and min(clock.seconds.values()) > 0
    page, table = (folder / "rehearsal.md").read_text(), (folder / "table8.md").read_text()
    assert "measured" in page and "GB predicted" in page and "| Table 8:" in page and "whole, n = 200, computed" in page
    assert "A rehearsal on one picture" in table and "(computed)" in table and "paper 0." not in table and "Paired" not in table
    assert rehearse(tmp_path, "8")[0] == 0 and Store(folder).read() == rows


def test_the_dry_run_says_what_it_takes_and_what_it_would_refuse(tmp_path, capsys):
    assert rehearse(tmp_path, "9", "--dry-run") == (0, None)
    told = capsys.readouterr().out
    assert "rehearsal: " in told and " take " in told and "GB of memory at most" in told
    data = _small.write(tmp_path / "data", ["imagenet"])["imagenet"]["root"]
    next(data.rglob("*.JPEG")).write_bytes(b"\xff\xd8 cut off")
    code, _ = rehearse(tmp_path, "9", "--dry-run", "--data", "imagenet", f"root={data}")
    assert code == 1 and "would fail: timm:test_vit on imagenet: none of the first 1 pictures can be used" in capsys.readouterr().out


def test_a_broken_checkpoint_leaves_its_reason_and_the_rest_is_rehearsed(tmp_path, capsys):
    (tmp_path / "broken.safetensors").write_bytes(b"no tensors")
    words = ("--checkpoint", f"timm:test_vit2={tmp_path / 'broken.safetensors'}")
    code, folder = rehearse(tmp_path, "4", *words)
    page = (folder / "rehearsal.md").read_text()
    assert code == 1 and "broken.safetensors" in page and "## What did not run" in page and "not known" in page
    assert any(isinstance(row, Rehearsed) for row in Store(folder).read())
    code, _ = rehearse(tmp_path, "4", "--dry-run", *words)
    told = capsys.readouterr().out
    assert code == 1 and "would fail: timm:test_vit2 on imagenet: " in told and "rehearsal: " in told


def test_a_dry_run_of_the_real_thing_names_what_is_missing(tmp_path, capsys):
    """Without --rehearse nothing is random: the same reasons as in the cells of a run, and exit code 0 as there."""
    assert main(["table", "9", "--world", "paper", "--dry-run", "--results", str(tmp_path)]) == 0
    assert "left out: timm:test_vit on imagenet: needs your checkpoint of timm:test_vit" in capsys.readouterr().out


def test_a_rehearsal_s_labels_are_those_of_the_random_network(tmp_path):
    world = paper.open(paper.Brought(data=_small.write(tmp_path / "data"), rehearsal=True))
    backbone = world.backbone()
    for task in ("imagenet", "imagenet_seg", "coco", "cityscapes"):
        made = world.pictures(task, "test", [0], backbone)
        assert made.numbers == [0] and made.labels.tolist() == backbone.model(made.images).argmax(1).tolist()
        assert (made.masks is None) == (task == "imagenet") and (made.masks is None or 1 in np.unique(made.masks))
