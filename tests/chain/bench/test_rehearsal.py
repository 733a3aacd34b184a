"""A rehearsal by the real command line: the world `paper` with small networks, random weights and the small files that it writes itself."""

import pytest

from bench.cli import main
from bench.worlds import paper
from bench.worlds.workbench import EAGER, Workbench
from helpers.small import small_denoiser
from runtime.diffusion import networks as denoisers

NETWORKS = {"ViT": "timm:test_vit", "Swin": "timm:test_vit2"}


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Two small classifiers of ImageNet's classes and a small denoiser; all that is asked answers eagerly."""
    load = Workbench.load
    monkeypatch.setattr(Workbench, "load", lambda self, engine, kind: load(self, EAGER, kind))
    monkeypatch.setattr(denoisers, "build", lambda *arguments: small_denoiser())
    monkeypatch.setattr(paper, "NAMES", NETWORKS)


def rehearse(tmp_path, *words):
    code = main(["table", *words, "--world", "paper", "--rehearse", "--results", str(tmp_path / "results")])
    folders = list((tmp_path / "results").glob("paper-*/rehearsal"))
    return code, folders[0] if folders else None


def test_every_table_runs_without_a_file(tmp_path, capsys):
    code, _folder = rehearse(tmp_path, "all")
    print(capsys.readouterr().err[-3000:])
    assert code == 0
