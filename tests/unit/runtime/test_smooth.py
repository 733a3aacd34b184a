"""Algorithm 1: votes and maps are the same whatever the batch and order; each draw has its own noise; pictures are checked."""

import tracemalloc

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from runtime import fuse, smooth
from runtime.diffusion import denoise, schedule
from runtime.errors import FvitError, PictureError
from runtime.noise import DrawNoise
from runtime.smooth import Explained, Plan

GRID, SIZE, SIGMA = (12, 12), 8, 0.2


def classifier(pixels):
    """Three scores a picture: means of its colours."""
    return pixels.mean((2, 3))


def plan(draws=50, batch=8, seed=0):
    return Plan(SIGMA, draws, seed, batch, GRID)


def step():
    return smooth.staged(denoise.identity, classifier, SIGMA, SIZE)


def loop(images, pictures, plan):
    """The textbook's loop: one picture, one draw at a time."""
    votes = torch.zeros(len(images), 3, dtype=torch.int64)
    for b, number in enumerate(pictures):
        clean = F.interpolate(images[b : b + 1], GRID, mode="bilinear", align_corners=False)
        for draw in range(plan.draws):
            stream = np.random.Generator(np.random.Philox(key=np.array([plan.seed, number], np.uint64), counter=[0, 0, 0, draw]))
            noise = torch.from_numpy(stream.standard_normal((3, *GRID), dtype=np.float32))
            view = F.interpolate(clean + plan.sigma * noise, (SIZE, SIZE), mode="bilinear", align_corners=False)
            votes[b, classifier(view).argmax()] += 1
    return votes


@pytest.fixture
def images(rng):
    return 0.5 + 0.01 * torch.rand(3, 3, 10, 10, generator=rng)


@pytest.mark.parametrize("batch", [1, 7, 8, 150, 400])
def test_votes_equal_the_plain_loop_at_any_batch(images, batch):
    found = smooth.smooth(images, [4, 0, 9], plan(batch=batch), step()).votes
    assert torch.equal(found, loop(images, [4, 0, 9], plan())) and (found > 0).sum() > 6


def test_scores_that_are_no_numbers_are_no_votes(images):
    def broken(pixels):
        scores = classifier(pixels)
        scores[0, 1] = float("nan")
        return scores

    with pytest.raises(FvitError, match=r"19 of 150 draws got scores that are not numbers \(NaN\)"):
        smooth.smooth(images, [4, 0, 9], plan(), smooth.staged(denoise.identity, broken, SIGMA, SIZE))


def test_a_pictures_votes_do_not_depend_on_its_company(images):
    together = smooth.smooth(images, [4, 0, 9], plan(), step()).votes
    for i, number in enumerate([4, 0, 9]):
        assert torch.equal(smooth.smooth(images[i : i + 1], [number], plan(), step()).votes[0], together[i])


def test_the_first_draws_stay_the_first_draws(images):
    streams = [DrawNoise(0, [5, 5], [0, i]).normal(images[:2]) for i in (1, 2)]
    assert torch.equal(streams[0][0], streams[1][0]) and not torch.equal(streams[0][1], streams[1][1])


@pytest.mark.parametrize("other", [(1, 5, 0), (0, 6, 0), (0, 5, 1)])
def test_seed_picture_and_draw_each_choose_other_noise(images, other):
    a, b = DrawNoise(0, [5], [0]).normal(images[:1]), DrawNoise(other[0], [other[1]], [other[2]]).normal(images[:1])
    assert abs(np.corrcoef(a.flatten(), b.flatten())[0, 1]) < 0.3


def test_noise_is_standard_normal_and_goes_on():
    like = torch.empty(2, 3, 64, 64)
    noise = DrawNoise(3, [0, 1], [0, 0])
    first, second = noise.normal(like), noise.normal(like)
    for block in (first, second):
        assert abs(block.mean()) < 0.03 and abs(block.std() - 1) < 0.03
    assert not torch.equal(first, second)


def test_every_batch_is_full(images):
    seen = []

    def watched(pixels):
        seen.append(len(pixels))
        return classifier(pixels)

    smooth.smooth(images, [0, 1, 2], plan(draws=7, batch=4), smooth.staged(denoise.identity, watched, SIGMA, SIZE))
    assert seen == [4] * 6


def bright(pixels, classes):
    return pixels[:, 0] * (1 + classes).reshape(-1, 1, 1)


def mapped(images, plan, fuse="mean", explainers=None, **options):
    explained = Explained(explainers or {"bright": bright}, fuses=(fuse,), **options)
    return smooth.smooth(images, list(range(len(images))), plan, step(), explained).maps


def test_maps_are_the_mean_of_normalised_maps(images):
    found = mapped(images, plan(draws=5, batch=4))["bright", "mean"]
    views = [resized(images, draw) for draw in range(5)]
    each = torch.stack([view[:, 0].clamp_min(0) / view[:, 0].clamp_min(0).sum((1, 2), keepdim=True) for view in views])
    torch.testing.assert_close(found.maps, each.mean(0).double(), atol=1e-7, rtol=1e-5)
    torch.testing.assert_close(found.squares, (each.double() ** 2).mean(0), atol=1e-7, rtol=1e-5)


def test_the_median_and_the_maximum_without_the_lowest_tenth(images):
    views = [resized(images, draw) for draw in range(5)]
    each = torch.stack([view[:, 0].clamp_min(0) / view[:, 0].clamp_min(0).sum((1, 2), keepdim=True) for view in views])
    torch.testing.assert_close(mapped(images, plan(draws=5, batch=4), "median")["bright", "median"].maps, each.median(0).values)
    flat = each.flatten(2)
    flat[flat < flat.sort(2).values[..., 6:7]] = 0.0  # a tenth of 64 cells
    top = flat.amax(0)
    wanted = (top - top.amin(1, keepdim=True)) / (top.amax(1, keepdim=True) - top.amin(1, keepdim=True))
    torch.testing.assert_close(
        mapped(images, plan(draws=5, batch=4), "drop_lowest_max")["bright", "drop_lowest_max"].maps.flatten(1), wanted
    )


def resized(images, draw):
    """The classifier's view of that draw of each picture."""
    noise = DrawNoise(0, range(len(images)), [draw] * len(images)).normal(torch.empty(len(images), 3, *GRID))
    return smooth.resize(smooth.resize(images, GRID) + SIGMA * noise, (SIZE, SIZE))


def test_a_median_of_too_many_draws_is_refused(images):
    with pytest.raises(FvitError, match="at most 1000 draws; take --fuse mean"):
        mapped(images[:1], plan(draws=1001, batch=64), "median")


def test_purified_once_explained_by_all(images):
    """Every explainer gets the same denoised draws, and each picture's class where one is given."""
    calls, seen = [], []

    def watched(pixels):
        calls.append(len(pixels))
        return classifier(pixels)

    explainers = {name: lambda pixels, classes: seen.append((pixels, classes)) or pixels[:, 0] for name in ("a", "b", "c")}
    inside = smooth.staged(denoise.identity, watched, SIGMA, SIZE)
    smooth.smooth(images, [0, 1, 2], plan(draws=4, batch=6), inside, Explained(explainers, torch.tensor([2, 0, 1])))
    assert calls == [6, 6] and len(seen) == 6
    assert all(seen[0][0] is pixels or torch.equal(seen[0][0], pixels) for pixels, _ in seen[:3])
    assert torch.cat([seen[0][1], seen[3][1]]).tolist() == [2] * 4 + [0] * 4 + [1] * 4


def test_a_later_share_of_the_draws_goes_on_where_the_first_ended(images):
    whole, first = plan(draws=9, batch=4), plan(draws=4, batch=4)
    rest = Plan(SIGMA, 5, 0, 4, GRID, first=4)
    votes = [smooth.smooth(images, [0, 1, 2], one, step()).votes for one in (whole, first, rest)]
    assert torch.equal(votes[0], votes[1] + votes[2])


def test_a_map_without_relevance_becomes_uniform_and_is_counted(images):
    found = mapped(images, plan(draws=2), explainers={"none": lambda pixels, classes: -torch.ones(len(pixels), 2, 2)})["none", "mean"]
    torch.testing.assert_close(found.maps, torch.full((3, 2, 2), 0.25, dtype=torch.float64))
    assert found.empty.tolist() == [2, 2, 2]


def test_capped_maps_stay_distributions(rng):
    maps = smooth.normalised(torch.rand(5, 4, 4, generator=rng) ** 8)[0]
    cut = smooth.capped(maps, 0.1)
    torch.testing.assert_close(cut.sum((1, 2)), torch.ones(5))
    assert cut.max() <= 0.1 + 0.9 / 16 + 1e-6 and maps.max() > 0.2


def test_fused_gives_the_votes_of_its_parts(images):
    level = schedule.level(schedule.linear(), SIGMA, "cumulative")
    seen = {}

    def graph(noisy, t, sigma):
        seen["t"], seen["sigma"] = t[0].item(), sigma[0].item()
        view = smooth.resize(noisy, (SIZE, SIZE))
        return classifier(view), view

    found = smooth.smooth(images, [0, 1, 2], plan(), smooth.fused(graph, level, schedule.linear())).votes
    assert torch.equal(found, smooth.smooth(images, [0, 1, 2], plan(), step()).votes)
    assert seen == {"t": float(level.t), "sigma": pytest.approx(level.sigma)}


def test_explaining_a_graph_that_hands_out_scores_alone(images):
    level = schedule.level(schedule.linear(), SIGMA, "cumulative")
    alone = smooth.fused(lambda noisy, t, sigma: classifier(noisy), level, schedule.linear())
    with pytest.raises(FvitError, match="--with-denoised"):
        smooth.smooth(images, [0, 1, 2], plan(), alone, Explained({"red": lambda pixels, classes: pixels[:, 0]}))


def test_stages_are_told_in_order(images):
    told = []

    def stage(name):
        told.append(name)
        return smooth.no_stage(name)

    steps = smooth.staged(denoise.identity, classifier, SIGMA, SIZE, stage)
    smooth.smooth(images, [0, 1, 2], plan(draws=1, batch=3), steps, Explained({"red": lambda pixels, classes: pixels[:, 0]}), stage)
    assert told == ["noise", "denoise", "classify", "explain"]


def test_memory_does_not_grow_with_the_draws():
    one = torch.full((1, 3, 4, 4), 0.5)
    peaks = []
    for draws in (100, 5000):
        tracemalloc.start()
        smooth.smooth(one, [0], Plan(SIGMA, draws, 0, 50, (4, 4)), smooth.staged(denoise.identity, classifier, SIGMA, 4))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000


@pytest.mark.usefixtures("any_shape")
@pytest.mark.parametrize(
    ("pictures", "wanted"),
    [
        (torch.full((1, 3, 4, 4), float("nan")), "holds NaN or infinity"),
        (torch.full((1, 1, 4, 4), 0.5), r"\(1, 1, 4, 4\).*\(B, 3, H, W\)"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), "uint8"),
        (torch.full((1, 3, 4, 4), 200.0), "divide bytes by 255"),
    ],
)
def test_what_is_no_picture(pictures, wanted):
    with pytest.raises(PictureError, match=wanted):
        smooth.smooth(pictures, [0], plan(), step())


def test_draws_batch_and_numbers_must_fit(images):
    for bad, numbers in ((plan(draws=0), [0, 1, 2]), (plan(batch=0), [0, 1, 2]), (plan(), [0])):
        with pytest.raises(FvitError, match="1 or more, one each"):
            smooth.smooth(images, numbers, bad, step())


def test_the_share_of_draws_in_which_a_cell_is_among_the_top(images):
    found = mapped(images, plan(draws=5, batch=4), "top_share")["bright", "top_share"].maps
    tops = [resized(images, draw)[:, 0].flatten(1).topk(16, 1).indices for draw in range(5)]
    wanted = sum(torch.zeros(3, 64).scatter_(1, top, 0.2) for top in tops)
    torch.testing.assert_close(found.flatten(1).float(), wanted)


def test_two_shares_of_draws_merge_into_the_whole(images):
    whole = mapped(images, plan(draws=9, batch=4))["bright", "mean"]
    first = mapped(images, plan(draws=4, batch=4))["bright", "mean"]
    rest = mapped(images, Plan(SIGMA, 5, 0, 4, GRID, first=4))["bright", "mean"]
    both = fuse.merged(fuse.merged(None, first), rest)
    torch.testing.assert_close(both.maps, whole.maps)
    torch.testing.assert_close(both.squares, whole.squares)
    assert both.draws == 9
    with pytest.raises(FvitError, match="two means or two shares are wanted"):
        fuse.merged(first, mapped(images, plan(draws=2), "median")["bright", "median"])
