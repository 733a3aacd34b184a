"""The embedded world's pictures: the same on every machine, exact masks, and nothing shared between the splits."""

import hashlib

import numpy as np
import pytest
import torch

from bench.worlds.data import digits as embedded
from bench.worlds.data.digits import SPLITS, TASKS
from runtime.errors import FvitError

CHECKSUMS = {"digits": "7c4258b2b1bcc82e", "pairs": "d26dc0869e51cba6", "crowd": "53bc5cdb33b96a48"}


@pytest.mark.parametrize("task", TASKS)
def test_the_same_pictures_everywhere(task):
    found = [embedded.sample(task, split, index) for split in SPLITS for index in (0, 1, 2, 999)]
    digest = hashlib.sha256(b"".join(s.image.tobytes() + s.mask.tobytes() + bytes([s.label, s.other + 1]) for s in found))
    assert digest.hexdigest()[:16] == CHECKSUMS[task]


def test_a_picture_does_not_depend_on_its_company():
    together = embedded.batch("pairs", "test", [5, 9, 5])
    alone = embedded.batch("pairs", "test", [5])
    assert torch.equal(together.images[0], alone.images[0]) and torch.equal(together.images[2], alone.images[0])
    assert not torch.equal(together.images[1], alone.images[0]) and together.images.dtype == torch.float32
    assert together.images.min() >= 0 and together.images.max() <= 1


def test_no_split_shares_handwriting_or_photographs():
    written = [set(range(*split.writing)) for split in SPLITS.values()]
    photographs = [set(split.photographs) for split in SPLITS.values()]
    for sets in (written, photographs):
        assert sum(map(len, sets)) == len(set.union(*sets))
    twins = {"motorcycle_left.png", "motorcycle_right.png"}
    assert len(twins & set.union(*photographs)) == 1
    assert sum(len(split.writing) > 0 for split in SPLITS.values()) == 3 and max(map(max, written)) < 1797


def test_no_photograph_of_one_split_lies_in_another_under_another_name():
    """The largest correlation between crops of different splits' photographs, shrunk to 16 x 16, stays far from 1."""

    def thumbnails(split):
        scales = (photograph[-1] for photograph in embedded._photographs(split))
        shapes = [np.asarray(s[: 16 * (s.shape[0] // 16), : 16 * (s.shape[1] // 16)], float).mean(2) for s in scales]
        small = [s.reshape(16, s.shape[0] // 16, 16, s.shape[1] // 16).mean((1, 3)).ravel() for s in shapes]
        return [(s - s.mean()) / s.std() for s in small]

    found = {split: thumbnails(split) for split in SPLITS}
    for a, b in (("train", "test"), ("train", "val"), ("val", "test")):
        assert max(float(x @ y) / len(x) for x in found[a] for y in found[b]) < 0.9


@pytest.mark.parametrize("task", TASKS)
def test_labels_masks_and_others_belong_together(task):
    many = embedded.batch(task, "test", range(200))
    ones, twos = (many.masks == 1).sum((1, 2)), (many.masks == 2).sum((1, 2))
    assert (ones > 60).all() and torch.bincount(many.labels, minlength=10).min() > 5
    if task == "pairs":
        assert (many.others >= 0).all() and (many.others != many.labels).all()
        assert (twos > 15).all() and (ones > twos).float().mean() > 0.95  # the label is the larger one; a 1 may cover less than a small 8
    else:
        assert (many.others == -1).all() and (twos == 0).all()


def test_objects_stand_out_from_what_lies_below():
    for index in range(50):
        made = embedded.sample("digits", "test", index)
        light = embedded.luminance(made.image.astype(np.int64))
        rim = _grown(made.mask == 1) & (made.mask == 0)
        assert abs(light[made.mask == 1].mean() - light[rim].mean()) > 25


def _grown(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 4)
    return np.any([padded[4 + dy : 68 + dy, 4 + dx : 68 + dx] for dy in (-4, 0, 4) for dx in (-4, 0, 4)], axis=0)


def test_an_eased_task_is_one_digit_in_the_middle_of_a_dark_ground():
    made = embedded.sample("digits", "train", 7, ease=0)
    assert (made.image[made.mask == 0] <= 128 + 60).all() and (made.image[:4] == 20).all()
    rows, columns = np.nonzero(made.mask)
    assert abs(rows.mean() - 32) < 8 and abs(columns.mean() - 32) < 8


@pytest.mark.parametrize(
    ("task", "split", "index", "wanted"),
    [
        ("digit", "test", 0, "unknown task 'digit'; known: digits, pairs, crowd; nearest: digits"),
        ("digits", "tests", 0, "unknown split 'tests'; known: train, val, test; nearest: test"),
        ("crowd", "test", 2000, "crowd test has the pictures 0 to 1999, 2000 given"),
        ("crowd", "test", -1, "-1 given"),
    ],
)
def test_what_is_no_picture_of_the_world(task, split, index, wanted):
    with pytest.raises(FvitError, match=wanted):
        embedded.sample(task, split, index)
