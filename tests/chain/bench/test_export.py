"""`fvit export`: of the networks asked for only those are built; random weights are told; the denoised pictures on request."""

import pytest

from bench.cli import main
from bench.worlds import paper, world
from bench.worlds.paper import Paper
from helpers.small import small_backbone, small_denoiser

BACKBONE, DENOISER = small_backbone(), small_denoiser()


class SmallPaper(Paper):
    """The world at the paper's size with the smallest networks, of random weights."""

    def backbone(self, name=None):
        return BACKBONE

    def denoiser(self):
        return DENOISER


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(world, "open", lambda name, brought: SmallPaper(brought))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_backbone_alone_is_exported_without_the_denoiser(capsys, monkeypatch, precision):
    monkeypatch.setattr(SmallPaper, "denoiser", lambda self: pytest.fail("the denoiser was built"))
    assert main(["export", "--world", "paper", "--network", "backbone", "--precision", precision]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"exporting {BACKBONE.name} in {precision}" in text and "comparisons, largest difference" in text and "trtexec: trtexec" in text
    calibrated = f"calibrated on {paper.CALIBRATION[0]} draws of scikit-image's" in text and "0 layers stay in float" in text
    assert calibrated == ("random weights: this file serves to measure time" in text) == (precision == "int8")


def test_the_denoised_pictures_are_an_output_on_request(capsys):
    assert main(["export", "--world", "paper", "--network", "classify_draws"]) == 0
    plain = capsys.readouterr().out
    assert main(["export", "--world", "paper", "--network", "classify_draws", "--with-denoised"]) == 0
    name = f"classify_draws-{DENOISER.name}-{BACKBONE.name}"
    assert f"exporting {name} in fp32" in plain and f"exporting {name}-denoised in fp32" in capsys.readouterr().out
