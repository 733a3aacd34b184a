"""`fvit world`: the noise is chosen on the validation split, no cell is measured twice, a run resumes, the page is made from rows alone."""

import io
from argparse import Namespace

import pytest
import torch
from rich.console import Console

from bench.records.rows import Rows, latest
from bench.studies.world import cells as plan
from bench.studies.world import measure
from bench.studies.world import page as text
from bench.worlds import attack as attacked
from bench.worlds import defence as defences
from bench.worlds.data import digits as embedded
from bench.worlds.defence import Defence
from bench.worlds.workbench import Workbench
from bench.worlds.world import NOISE, WorldOptions, build
from runtime.diffusion import denoise
from runtime.errors import FvitError


@pytest.fixture(scope="module")
def bench():
    return Workbench(build(WorldOptions()), torch.device("cpu"))


@pytest.fixture(scope="module")
def pictures():
    return embedded.batch("digits", "test", range(25))


def test_a_defended_picture_is_classified_right(bench, pictures):
    level = plan.level(NOISE)
    for name, least in (("none", 0.8), ("dds", 0.7)):
        found = defences.labels(bench, pictures.images, range(25), Defence(name, level, draws=5))
        assert (found == pictures.labels).float().mean() >= least


def test_defences_are_what_their_names_say(bench, pictures):
    level, world = plan.level(NOISE), bench.world
    once = defences.labels(bench, pictures.images, range(25), Defence("denoiser", level))
    with torch.inference_mode():
        by_hand = denoise.one_shot(world.denoiser.model, world.denoiser.schedule)(pictures.images, level.sigma, None)
        assert (world.backbone.model(by_hand).argmax(1) == once).float().mean() > 0.95
        undefended = world.backbone.model(pictures.images).argmax(1)
    assert torch.equal(defences.labels(bench, pictures.images, range(25), Defence("none")), undefended)
    with pytest.raises(FvitError, match="unknown defence 'ddss'"):
        defences.labels(bench, pictures.images, range(25), Defence("ddss"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The whole of it for one backbone, two pictures and few noises."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "BACKBONES", ("vit_embedded",))
        patch.setattr(plan, "CHOICES", (32, 48))
        patch.setattr(plan, "REAL", (48,))
        patch.setattr(plan, "SIGMAS", (8,))
        patch.setattr(plan, "DRAWS", 2)
        patch.setattr(plan, "STEPS", 2)
        patch.setattr(attacked, "SAMPLES", 2)
        rows = Rows(tmp_path_factory.mktemp("world"))
        options = Namespace(images=2, sigma=None, fresh=False)
        name = measure.measure(rows, options, Console(file=io.StringIO()))
        before = rows.path.read_bytes()
        assert measure.measure(rows, options, Console(file=io.StringIO())) == name
        yield rows, before


def test_a_finished_run_repeats_nothing(measured):
    rows, before = measured
    assert rows.path.read_bytes() == before


def test_rows_hold_every_answer(measured):
    rows, _ = measured
    found = [row for row in latest(rows.read(), "world") if row["kind"] == "accuracy"]
    assert len({row["key"] for row in found}) == len(found)
    assert all(row["hits"] == row["right"].count("1") and row["n"] == len(row["right"]) == 2 for row in found)
    assert {row["cell"]["attack"] for row in found} == {"none", "pgd", "adaptive", "bpda"}


def test_the_page_is_made_from_rows_alone(measured, tmp_path):
    rows, _ = measured
    found = latest(rows.read(), "world")
    page = text.render(found)
    for heading in ("What it was built to show", "Choosing the noise", "DDS at every noise", "The denoiser", "Ablation", "How to read it"):
        assert f"## {heading}" in page
    assert "not measured" in page  # Swin's and DeiT's cells, which this run left out
    text.plot(found, tmp_path / "world.png")
    assert (tmp_path / "world.png").stat().st_size > 10_000


def test_a_page_without_its_choice_says_what_to_do(measured):
    rows, _ = measured
    with pytest.raises(FvitError, match="the rows hold no 'chosen' yet; let fvit world end first"):
        text.render([row for row in rows.read() if row["kind"] != "chosen"])
