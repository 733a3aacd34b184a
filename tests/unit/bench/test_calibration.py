"""What int8 is calibrated on and checked with: pictures apart from each other, or said to be others; too few are refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from bench.worlds import calibration
from bench.worlds.paper import CALIBRATION, Paper
from bench.worlds.workbench import Workbench
from bench.worlds.world import Brought
from export.quantize import FEWEST
from helpers.small import small_backbone, small_denoiser
from runtime.errors import FvitError
from runtime.pictures import resize

COUNT, AGAIN = CALIBRATION


class SmallPaper(Paper):
    """The world at the paper's size with the smallest networks, of random weights."""

    def backbone(self, name=None):
        return small_backbone()

    def denoiser(self):
        return small_denoiser()


def bench(pictures=None) -> Workbench:
    return Workbench(SmallPaper(Brought(pictures=pictures)))


def folder(tmp_path, count):
    for i in range(count):
        Image.fromarray(np.full((24, 24, 3), 10 * i, np.uint8)).save(tmp_path / f"{i:02}.png")
    return tmp_path


def test_the_users_pictures_are_held_out_from_their_calibration(tmp_path):
    mine = bench(folder(tmp_path, COUNT + AGAIN + 1))
    made = calibration.calibration(mine, "backbone")
    (source, (checked,)), *more = calibration.held_out(mine, "backbone")
    seen = torch.cat([batch[0] for batch in made.batches])
    assert COUNT == FEWEST and not more and source == f"held-out pictures of {tmp_path.name}"
    assert made.source.startswith(f"{COUNT} pictures of {tmp_path.name}, noise")
    shades = [float(picture.mean()) * 255 / 10 for picture in (*seen, *checked)]  # a random denoiser is left out: the pictures as they are
    assert shades == pytest.approx(list(range(COUNT + AGAIN)), abs=1e-4)


def test_a_backbone_before_random_weights_is_calibrated_without_its_denoiser(tmp_path, monkeypatch):
    monkeypatch.setattr(SmallPaper, "denoiser", lambda self: pytest.fail("the denoiser was built"))
    calibration.calibration(bench(), "backbone")
    calibration.held_out(bench(), "backbone")


def test_a_world_without_other_pictures_is_checked_on_other_draws_of_the_same():
    mine = bench()
    ((source, (x, t, sigma)),) = calibration.held_out(mine, "classify_draws")
    made = calibration.calibration(mine, "classify_draws")
    seen = torch.cat([batch[0] for batch in made.batches])
    assert "draws of scikit-image's" in source and f"{COUNT} draws of" in made.source and len(x) == len(t) == len(sigma) == AGAIN
    assert len(seen) == COUNT and len({one.numpy().tobytes() for one in (*seen, *x)}) == COUNT + AGAIN
    clean = resize(mine.world.samples(AGAIN, mine.backbone)[0], mine.grid)
    assert float((x - clean).std()) == pytest.approx(float(sigma[0]), rel=0.1)
    assert float(sigma[0]) == pytest.approx(mine.world.noise, rel=0.1)


def test_too_few_pictures_are_refused(tmp_path):
    with pytest.raises(FvitError, match=r"19 pictures given \(.*\), 20 are expected for int8, 16 to calibrate on and 4 to check with"):
        calibration.calibration(bench(folder(tmp_path, 19)), "backbone")
