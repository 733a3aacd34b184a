"""`fvit world` in this process with few cells; what its defences are."""

import pytest
import torch

from bench.attacks import bpda, eot_pgd
from bench.attacks._variant import Variant
from bench.cli import main
from bench.records.machine import folder_name
from bench.records.rows import Answered, Gained
from bench.records.store import Store
from bench.studies.denoiser import measure as gains
from bench.tables import _world as cells
from bench.worlds import defence as defences
from bench.worlds import world as worlds
from bench.worlds.data import digits
from bench.worlds.defence import Defence
from bench.worlds.workbench import Engine, Workbench
from bench.worlds.world import Scene
from runtime.diffusion import denoise
from runtime.errors import FvitError


@pytest.fixture(scope="module")
def bench():
    return Workbench(worlds.open("embedded"))


@pytest.fixture(scope="module")
def pictures():
    return digits.batch("digits", "test", range(25))


def labels(bench, pictures, defence):
    return defences.answer(bench, defence, Engine("eager"), pictures.images, range(25)).labels


def test_a_defended_picture_is_classified_right(bench, pictures):
    for defence, least in ((Defence(), 0.8), (Defence("dds", cells.level(bench.world.noise), draws=5), 0.7)):
        assert (labels(bench, pictures, defence) == pictures.labels).float().mean() >= least


def test_defences_are_what_their_names_say(bench, pictures):
    level = cells.level(bench.world.noise)
    once = labels(bench, pictures, Defence("denoiser", level))
    with torch.inference_mode():
        by_hand = denoise.one_shot(bench.denoiser.model, bench.denoiser.schedule)(pictures.images, level.sigma, None)
        assert (bench.backbone.model(by_hand).argmax(1) == once).float().mean() > 0.95
        undefended = bench.backbone.model(pictures.images).argmax(1)
    assert torch.equal(labels(bench, pictures, Defence()), undefended)
    with pytest.raises(FvitError, match="unknown defence 'ddss'"):
        Defence("ddss")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """One backbone, two pictures, few noises; the folder."""
    scene = Scene({"ViT": "vit_embedded"}, ("digits",), "digits", ("digits",), "one backbone and task")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.worlds.embedded.Embedded.scene", scene)
        patch.setattr("bench.trials.settings._scene", lambda *_: scene)
        patch.setattr(cells, "CHOICES", (32,))
        patch.setattr("bench.tables.world.CHOICES", (32,))
        patch.setattr(cells, "REAL", (64,))
        patch.setattr(cells, "SIGMAS", (8,))
        patch.setattr(cells, "PRINTED_RULES", ("per-step",))
        patch.setattr(cells, "DRAWS", 2)
        patch.setattr(cells, "EXPLAINERS", ("random", "rollout"))
        patch.setattr(gains, "NOISES", (8, 64))
        patch.setitem(eot_pgd.VARIANTS, "eot_pgd", Variant(through=True, samples=2, steps=2))
        patch.setitem(bpda.VARIANTS, "bpda", Variant(through=True, samples=2, steps=2))
        results = tmp_path_factory.mktemp("world")
        yield results


def test_measured_resumed_and_from_rows(measured, capsys):
    assert main(["world", "--images", "2", "--results", str(measured)]) == 0
    folder = measured / f"embedded-{folder_name()}"
    before, page = (folder / "rows.jsonl").read_bytes(), (folder / "world.md").read_text()
    rows = Store(folder).read()
    answered = [row for row in rows if isinstance(row, Answered)]
    assert len({row.key for row in answered}) == len(answered) and all(len(row.numbers) == 2 for row in answered)
    assert {row.trial.get("threat", {}).get("attack", "pgd") for row in answered} == {"pgd", "eot_pgd", "bpda"}
    assert all(len(row.decibels) == 2 and min(row.decibels) > 2 for row in rows if isinstance(row, Gained))
    assert "## What it was built to show" in page and "## The denoiser: gain in PSNR" in page
    assert "majority of 2 draws" in page and "validation split chooses another noise, 32/255" in page
    for name, most in (("world.png", 60_000), ("samples.png", 300_000), ("denoised.png", 300_000)):
        assert 5_000 < (folder / name).stat().st_size <= most
    assert "psnr_gain" in (folder / "world.csv").read_text()
    assert main(["world", "--images", "2", "--results", str(measured)]) == 0
    assert (folder / "rows.jsonl").read_bytes() == before
    (folder / "world.md").unlink()
    assert main(["world", "--from-rows", "--results", str(measured)]) == 0 and (folder / "world.md").read_text() == page


def test_nothing_to_make_a_page_of(tmp_path, capsys):
    assert main(["world", "--from-rows", "--results", str(tmp_path)]) == 2
    assert "no rows of the study" in capsys.readouterr().err
