"""Algorithm 1: votes and maps are the same whatever the batch and order; each draw has its own noise; pictures are checked."""

import tracemalloc

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from runtime import chain, fuse
from runtime.certificates import certify
from runtime.chain import Draws, Explained
from runtime.diffusion import denoise, schedule
from runtime.errors import FvitError, PictureError
from runtime.noise import DrawNoise
from runtime.pictures import resize

GRID, SIZE, SIGMA = (12, 12), 8, 0.2


def classifier(pixels):
    """Three scores a picture: means of its colours."""
    return pixels.mean((2, 3))


def through(classify=classifier, grid=GRID, size=SIZE):
    return chain.staged(denoise.identity, classify, SIGMA, grid, size)


def loop(images, pictures, draws):
    """The textbook's loop: one picture, one draw at a time."""
    votes = torch.zeros(len(images), 3, dtype=torch.int64)
    for b, number in enumerate(pictures):
        clean = F.interpolate(images[b : b + 1], GRID, mode="bilinear", align_corners=False)
        for draw in range(draws.count):
            stream = np.random.Generator(np.random.Philox(key=np.array([draws.seed, number], np.uint64), counter=[0, 0, 0, draw]))
            noise = torch.from_numpy(stream.standard_normal((3, *GRID), dtype=np.float32))
            view = F.interpolate(clean + SIGMA * noise, (SIZE, SIZE), mode="bilinear", align_corners=False)
            votes[b, classifier(view).argmax()] += 1
    return votes


@pytest.fixture
def images(rng):
    return 0.5 + 0.01 * torch.rand(3, 3, 10, 10, generator=rng)


@pytest.mark.parametrize("batch", [1, 7, 8, 150, 400])
def test_votes_equal_the_plain_loop_at_any_batch(images, batch):
    found = through()(images, [4, 0, 9], Draws(50, batch=batch)).votes
    assert torch.equal(found, loop(images, [4, 0, 9], Draws(50))) and (found > 0).sum() > 6


def test_scores_that_are_no_numbers_are_no_votes(images):
    def broken(pixels):
        scores = classifier(pixels)
        scores[0, 1] = float("nan")
        return scores

    with pytest.raises(FvitError, match=r"19 of 150 draws got scores that are not numbers \(NaN\)"):
        through(broken)(images, [4, 0, 9], Draws(50, batch=8))


def test_a_pictures_votes_do_not_depend_on_its_company(images):
    together = through()(images, [4, 0, 9], Draws(50)).votes
    for i, number in enumerate([4, 0, 9]):
        assert torch.equal(through()(images[i : i + 1], [number], Draws(50)).votes[0], together[i])


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

    through(watched)(images, [0, 1, 2], Draws(7, batch=4))
    assert seen == [4] * 6


def bright(pixels, classes):
    return pixels[:, 0] * (1 + classes).reshape(-1, 1, 1)


def mapped(images, draws, fuse="mean", explainers=None, **options):
    explained = Explained(explainers or {"bright": bright}, fuses=(fuse,), **options)
    return through()(images, list(range(len(images))), draws, explained).maps


def test_maps_are_the_mean_of_normalised_maps(images):
    found = mapped(images, Draws(5, batch=4))["bright", "mean"]
    views = [resized(images, draw) for draw in range(5)]
    each = torch.stack([view[:, 0].clamp_min(0) / view[:, 0].clamp_min(0).sum((1, 2), keepdim=True) for view in views])
    torch.testing.assert_close(found.maps, each.mean(0).double(), atol=1e-7, rtol=1e-5)
    torch.testing.assert_close(found.squares, (each.double() ** 2).mean(0), atol=1e-7, rtol=1e-5)


def test_the_median_and_the_maximum_without_the_lowest_tenth(images):
    views = [resized(images, draw) for draw in range(5)]
    each = torch.stack([view[:, 0].clamp_min(0) / view[:, 0].clamp_min(0).sum((1, 2), keepdim=True) for view in views])
    torch.testing.assert_close(mapped(images, Draws(5, batch=4), "median")["bright", "median"].maps, each.median(0).values)
    flat = each.flatten(2)
    flat[flat < flat.sort(2).values[..., 6:7]] = 0.0  # a tenth of 64 cells
    top = flat.amax(0)
    wanted = (top - top.amin(1, keepdim=True)) / (top.amax(1, keepdim=True) - top.amin(1, keepdim=True))
    torch.testing.assert_close(mapped(images, Draws(5, batch=4), "drop_lowest_max")["bright", "drop_lowest_max"].maps.flatten(1), wanted)


def resized(images, draw):
    """The classifier's view of that draw of each picture."""
    noise = DrawNoise(0, range(len(images)), [draw] * len(images)).normal(torch.empty(len(images), 3, *GRID))
    return resize(resize(images, GRID) + SIGMA * noise, (SIZE, SIZE))


def test_a_median_of_too_many_draws_is_refused(images):
    with pytest.raises(FvitError, match="at most 1000 draws; the mean takes any number"):
        mapped(images[:1], Draws(1001, batch=64), "median")


def test_purified_once_explained_by_all(images):
    """Every explainer gets the same denoised draws, and each picture's class where one is given."""
    calls, seen = [], []

    def watched(pixels):
        calls.append(len(pixels))
        return classifier(pixels)

    explainers = {name: lambda pixels, classes: seen.append((pixels, classes)) or pixels[:, 0] for name in ("a", "b", "c")}
    through(watched)(images, [0, 1, 2], Draws(4, batch=6), Explained(explainers, torch.tensor([2, 0, 1])))
    assert calls == [6, 6] and len(seen) == 6
    assert all(seen[0][0] is pixels or torch.equal(seen[0][0], pixels) for pixels, _ in seen[:3])
    assert torch.cat([seen[0][1], seen[3][1]]).tolist() == [2] * 4 + [0] * 4 + [1] * 4


def test_a_later_share_of_the_draws_goes_on_where_the_first_ended(images):
    parts = Draws(9, batch=4), Draws(4, batch=4), Draws(5, first=4, batch=4)
    votes = [through()(images, [0, 1, 2], draws).votes for draws in parts]
    assert torch.equal(votes[0], votes[1] + votes[2])


def test_a_map_without_relevance_becomes_uniform_and_is_counted(images):
    found = mapped(images, Draws(2), explainers={"none": lambda pixels, classes: -torch.ones(len(pixels), 2, 2)})["none", "mean"]
    torch.testing.assert_close(found.maps, torch.full((3, 2, 2), 0.25, dtype=torch.float64))
    assert found.empty.tolist() == [2, 2, 2]


def test_the_capped_mean_counts_how_often_a_cell_is_above_each_level(images):
    """By hand: of each draw's map, capped at 8 even shares, which cells are above which level."""
    found = mapped(images, Draws(5, batch=4), "capped_mean")["bright", "capped_mean"]
    each = [fuse.capped(fuse.normalised(resized(images, draw)[:, 0])[0].double(), fuse.cap(64)) for draw in range(5)]
    at = torch.tensor(fuse.levels("capped_mean", 64), dtype=torch.float64)
    assert len(at) == 24 and at[0] == pytest.approx(0.2 / 64) and 0.998 * fuse.span(64) < at[-1] < fuse.span(64)
    torch.testing.assert_close(found.maps, sum(each) / 5, rtol=1e-5, atol=1e-7)
    wanted = sum((one[:, None] > at[:, None, None]).long() for one in each)
    assert (found.exceeded - wanted).abs().sum() <= 2  # a cell within rounding of a level
    assert found.exceeded.shape == (3, 24, 8, 8) and (found.exceeded.diff(dim=1) <= 0).all()


def test_the_vote_counts_the_largest_cells_and_orders_ties_by_the_mean(images):
    found = mapped(images, Draws(5, batch=4), "vote:k=3")["bright", "vote:k=3"]
    tops = [resized(images, draw)[:, 0].flatten(1).topk(3, 1).indices for draw in range(5)]
    wanted = sum(torch.zeros(3, 64, dtype=torch.int64).scatter_(1, top, 1) for top in tops)
    assert torch.equal(found.hits.flatten(1), wanted) and found.hits.sum((1, 2)).tolist() == [15, 15, 15]
    mean = mapped(images, Draws(5, batch=4))["bright", "mean"].maps.flatten(1)
    key = wanted.double() + mean / 2
    assert torch.equal(found.maps.flatten(1).argsort(1, descending=True)[:, :8], key.argsort(1, descending=True)[:, :8])
    for spec, told in (
        ("vote:k=0", "one cell or more"),
        ("vote:k=64", "fewer than all"),
        ("vote:j=3", "unknown option of vote"),
        ("mode", "unknown fuse"),
    ):
        with pytest.raises(FvitError, match=told):
            mapped(images, Draws(2), spec)


def test_equal_cells_of_one_draw_rank_in_reading_order():
    vote = fuse.build("vote:k=2", 1)
    vote.add(torch.tensor([0]), torch.full((1, 2, 2), 0.25))
    assert vote.result(1).hits.tolist() == [[[1, 1], [0, 0]]]


def test_capped_maps_stay_distributions(rng):
    maps = fuse.normalised(torch.rand(5, 4, 4, generator=rng) ** 8)[0]
    cut = fuse.capped(maps, 0.1)
    torch.testing.assert_close(cut.sum((1, 2)), torch.ones(5))
    assert cut.max() <= 0.1 + 0.9 / 16 + 1e-6 and maps.max() > 0.2


def test_fused_gives_the_votes_of_its_parts(images):
    level = schedule.level(schedule.linear(), SIGMA, "cumulative")
    seen = {}

    def graph(noisy, t, sigma):
        seen["t"], seen["sigma"] = t[0].item(), sigma[0].item()
        view = resize(noisy, (SIZE, SIZE))
        return classifier(view), view

    found = chain.fused(graph, level, schedule.linear(), GRID)(images, [0, 1, 2], Draws(50)).votes
    assert torch.equal(found, through()(images, [0, 1, 2], Draws(50)).votes)
    assert seen == {"t": float(level.t), "sigma": pytest.approx(level.sigma)}


def test_explaining_a_graph_that_hands_out_scores_alone(images):
    level = schedule.level(schedule.linear(), SIGMA, "cumulative")
    alone = chain.fused(lambda noisy, t, sigma: classifier(noisy), level, schedule.linear(), GRID)
    with pytest.raises(FvitError, match="with its denoised pictures as an output"):
        alone(images, [0, 1, 2], Draws(50), Explained({"red": lambda pixels, classes: pixels[:, 0]}))


def test_stages_are_told_in_order(images):
    told = []

    def stage(name):
        told.append(name)
        return chain.no_stage(name)

    through()(images, [0, 1, 2], Draws(1, batch=3), Explained({"red": lambda pixels, classes: pixels[:, 0]}), stage)
    assert told == ["noise", "denoise", "classify", "explain"]


def test_memory_does_not_grow_with_the_draws():
    one = torch.full((1, 3, 4, 4), 0.5)
    peaks = []
    for draws in (100, 5000):
        tracemalloc.start()
        through(grid=(4, 4), size=4)(one, [0], Draws(draws, batch=50))
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
        through()(pictures, [0], Draws(5))


def test_draws_batch_and_numbers_must_fit(images):
    for name, value in (("count", 0), ("batch", 0), ("first", -1), ("seed", -1)):
        with pytest.raises(FvitError, match=f"draws with {name} {value} given"):
            Draws(**{"count": 5, name: value})
    with pytest.raises(FvitError, match="1 picture numbers given for 3 images; one for each is expected"):
        through()(images, [0], Draws(5))


def test_the_share_of_draws_in_which_a_cell_is_among_the_top(images):
    found = mapped(images, Draws(5, batch=4), "top_share")["bright", "top_share"]
    tops = [resized(images, draw)[:, 0].flatten(1).topk(16, 1).indices for draw in range(5)]
    wanted = sum(torch.zeros(3, 64).scatter_(1, top, 0.2) for top in tops)
    torch.testing.assert_close(found.maps.flatten(1).float(), wanted)
    assert torch.equal(found.hits.flatten(1), (wanted * 5).round().long())
    rest = mapped(images, Draws(4, first=5, batch=4), "top_share")["bright", "top_share"]
    assert torch.equal(fuse.merged(found, rest).hits, mapped(images, Draws(9, batch=4), "top_share")["bright", "top_share"].hits)


def test_two_shares_of_draws_merge_into_the_whole(images):
    whole = mapped(images, Draws(9, batch=4))["bright", "mean"]
    first = mapped(images, Draws(4, batch=4))["bright", "mean"]
    rest = mapped(images, Draws(5, first=4, batch=4))["bright", "mean"]
    both = fuse.merged(fuse.merged(None, first), rest)
    torch.testing.assert_close(both.maps, whole.maps)
    torch.testing.assert_close(both.squares, whole.squares)
    assert both.draws == 9
    with pytest.raises(FvitError, match="two of one fuse are expected"):
        fuse.merged(first, mapped(images, Draws(2), "median")["bright", "median"])


def test_predict_gives_the_class_with_most_votes(images):
    wanted = through()(images, [4, 0, 9], Draws(50)).votes.argmax(1)
    assert torch.equal(through().predict(images, [4, 0, 9], Draws(50)), wanted)


def test_certify_chooses_on_the_first_draws_and_bounds_on_the_next(images):
    images = images + 0.3 * torch.eye(3)[:, :, None, None]  # three clear pictures
    votes = [through()(images, [4, 0, 9], Draws(count, first, batch=16)).votes.numpy() for count, first in ((20, 7), (60, 27))]
    labels = through().certify(images, [4, 0, 9], Draws(60, 7, batch=16), selection=20, alpha=0.01)
    assert labels == [certify.label(first, then, SIGMA, 0.01) for first, then in zip(*votes, strict=True)]
    assert [one.label for one in labels] == [0, 1, 2] and all(one.radius > 0.1 for one in labels)


def test_explain_gives_one_fused_map_for_each_explainer(images):
    classes = torch.tensor([2, 0, 1])
    maps = through().explain(images, [0, 1, 2], Draws(5, batch=4), {"a": bright, "b": bright}, classes, "median")
    wanted = mapped(images, Draws(5, batch=4), "median", classes=classes)["bright", "median"].maps
    assert list(maps) == ["a", "b"] and torch.equal(maps["a"], wanted) and torch.equal(maps["b"], wanted)


def test_votes_of_the_noisy_picture_beside_maps_of_the_denoised_one(images):
    """Algorithm 2, line 3: y(x + z) votes and the map is of T(x + z); here T blackens all but green."""

    def green(noisy, sigma, noise):
        return noisy * torch.tensor([0.0, 1.0, 0.0]).reshape(1, 3, 1, 1)

    explained = Explained({"sum": lambda pixels, classes: pixels.sum(1)})
    made = {votes: chain.staged(green, classifier, SIGMA, GRID, SIZE, votes) for votes in ("denoised", "noisy")}
    found = {votes: one(images, [4, 0, 9], Draws(20), explained) for votes, one in made.items()}
    assert torch.equal(found["noisy"].votes, loop(images, [4, 0, 9], Draws(20)))
    assert found["denoised"].votes[:, 1].tolist() == [20, 20, 20]
    assert torch.equal(found["noisy"].maps["sum", "mean"].maps, found["denoised"].maps["sum", "mean"].maps)
    with pytest.raises(FvitError, match="unknown votes 'noise'"):
        chain.staged(green, classifier, SIGMA, GRID, SIZE, "noise")
