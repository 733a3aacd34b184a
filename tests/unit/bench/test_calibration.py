"""What int8 is calibrated on and checked with: pictures apart from each other, or said to be none; too few are refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from bench.worlds import calibration
from bench.worlds.world import World
from export.quantize import FEWEST
from helpers.small import small_backbone, small_denoiser
from runtime.errors import FvitError
from runtime.smooth import resize


def world(own=None) -> World:
    return World("paper", torch.rand(1, 3, 24, 24), "a photograph", small_backbone(), small_denoiser(), own)


def folder(tmp_path, count):
    for i in range(count):
        Image.fromarray(np.full((24, 24, 3), 10 * i, np.uint8)).save(tmp_path / f"{i:02}.png")
    return tmp_path


def test_the_users_pictures_are_held_out_from_their_calibration(tmp_path):
    mine = world(folder(tmp_path, FEWEST + calibration.AGAIN + 1))
    made = calibration.calibration(mine, "backbone")
    (told, (checked,)), *more = calibration.held_out(mine, "backbone")
    seen = torch.cat([batch[0] for batch in made.batches])
    assert not more and told == "held-out pictures" and made.source.startswith(f"{FEWEST} pictures of {tmp_path.name}, noise")
    shades = [float(picture.mean()) * 255 / 10 for picture in (*seen, *checked)]  # a random denoiser is left out: the pictures as they are
    assert shades == pytest.approx(list(range(FEWEST + calibration.AGAIN)), abs=1e-4)


def test_a_world_without_other_pictures_says_that_it_checks_on_the_same():
    mine = world()
    ((told, (x, t, sigma)),) = calibration.held_out(mine, "classify_draws")
    seen = torch.cat([batch[0] for batch in calibration.calibration(mine, "classify_draws").batches])
    assert told == "other draws of the calibration's pictures" and len(x) == len(t) == len(sigma) == calibration.AGAIN
    assert len(seen) == FEWEST and len({one.numpy().tobytes() for one in (*seen, *x)}) == FEWEST + calibration.AGAIN
    clean = resize(mine.images, (32, 32))
    assert float((x - clean).std()) == pytest.approx(float(sigma[0]), rel=0.1)


def test_too_few_pictures_are_refused(tmp_path):
    with pytest.raises(FvitError, match=r"19 pictures came \(.*\), 20 are wanted for int8, 16 to calibrate on and 4 to check with"):
        calibration.calibration(world(folder(tmp_path, 19)), "backbone")
