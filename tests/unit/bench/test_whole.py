"""Whether tables and shards are whole, from rows alone: every picture of every trial, as many as its data has."""

from dataclasses import replace

import msgspec
import pytest

from bench.records.rows import Answered, Asked, Failed, Missing, Why
from bench.records.store import Store
from bench.trials.grid import PART, STUDY
from bench.trials.settings import Settings
from bench.trials.shards import merge
from bench.trials.trial import Trial, differing, parts
from bench.trials.whole import Coverage
from bench.worlds.attack import Threat
from helpers.tables import TABLES, beginning, synthetic
from runtime.errors import FvitError

SETTINGS = Settings(n=4)
FIRST, SECOND = Trial("vit_embedded", "digits", 4), Trial("vit_embedded", "digits", 4, threat=Threat(), maps=(("vta", "miou"),))


def asked(trial, size=100, chunk=1, campaign="c"):
    maps = list(trial.maps)
    return Asked(campaign=campaign, key=trial.asked_key, images=trial.images, size=size, chunk=chunk, maps=maps)


def answered(trial, numbers, campaign="c"):
    n = list(numbers)
    return Answered(
        campaign=campaign, key=trial.part_key(numbers), trial=differing(trial.base), numbers=n, labels=[0] * len(n), answers=[0] * len(n)
    )


def test_a_campaign_that_was_cut_does_not_hide_an_older_whole_one():
    grid = TABLES["9"]
    old, begun = synthetic(SETTINGS, grid, "old"), beginning(SETTINGS, campaign="new")
    new = [answered(trial, range(2), "new") for trial in grid.trials(SETTINGS)]  # the first part of each
    for size, name in ((4, "old"), (2, "new")):  # the data has no more than two pictures: then it is whole
        all_asked = [asked(trial, size, 2, "new") for trial in grid.trials(SETTINGS)]
        assert grid.latest([*old, *begun, *all_asked, *new])[0].campaign == name
    assert grid.latest([*old, *begun, *new])[0].campaign == "old"  # rows from before `Asked`


def test_pictures_that_were_left_out_count_and_rows_without_the_maps_do_not():
    rows = [asked(SECOND), *(answered(SECOND, range(i, i + 1)) for i in range(3))]
    assert not Coverage(rows).ended(SECOND)
    broken = msgspec.structs.replace(answered(SECOND, range(3, 4)), numbers=[], labels=[], answers=[], left_out=[("torn", "cut off")])
    assert Coverage([*rows, broken]).whole(SECOND) and Coverage([*rows, broken]).whole(replace(SECOND, maps=()))
    plain = replace(SECOND, maps=())
    assert not Coverage([asked(plain), *(answered(plain, range(i, i + 1)) for i in range(4))]).whole(SECOND)


def test_a_trial_that_failed_has_ended_and_is_not_whole():
    failed = Failed(campaign="c", key=FIRST.part_key(range(1, 2)), missing=Missing(Why.FAILED, "no memory"), again=True)
    coverage = Coverage([asked(FIRST), answered(FIRST, range(1)), failed])
    assert coverage.ended(FIRST) and not coverage.whole(FIRST)


def shard(folder, first, every, sizes, cut=(), failed=()):
    """Rows of a shard of the trials `sizes`, each with so many pictures; without the parts `cut`, (trial, start)."""
    name, store = f"s{first}", Store(folder / f"s{first}")
    head, machine = beginning(SETTINGS, PART, name)
    with store.locked():
        for row in (msgspec.structs.replace(head, settings=head.settings | {"shard": (first, every)}), machine):
            store.append(row)
        for trial, size in sizes.items():
            store.append(asked(trial, size, campaign=name))
            for numbers in parts(min(trial.images, size), 1)[first - 1 :: every]:
                if trial in failed:
                    reason = Missing(Why.FAILED, "no memory")
                    store.append(Failed(campaign=name, key=trial.part_key(numbers), missing=reason, again=True))
                    break
                if (trial, numbers.start) not in cut:
                    store.append(answered(trial, numbers, name))
    return store.folder


def test_a_shard_may_have_no_part_of_a_small_trial(tmp_path):
    folders = [shard(tmp_path, i, 3, {FIRST: 2, SECOND: 9}) for i in (1, 2, 3)]
    into = Store(tmp_path / "into")
    name = merge(folders, into)
    rows = [row for row in into.read() if row.campaign == name]
    assert rows[0].study == STUDY and sum(isinstance(row, Asked) for row in rows) == 2
    assert Coverage(rows).whole(FIRST) and Coverage(rows).whole(SECOND)


@pytest.mark.parametrize(
    ("cut", "told"),
    [
        ([(FIRST, 2)], "shard 1/2 lacks 1 of its 4 parts"),
        ([(SECOND, 0), (SECOND, 1), (SECOND, 2), (SECOND, 3)], "shard 1/2 lacks 2 of its 4 parts"),  # no shard came so far
        ([(SECOND, 3)], "shard 2/2 lacks 1 of its 4 parts"),
    ],
)
def test_a_shard_that_was_cut_is_refused(tmp_path, cut, told):
    folders = [shard(tmp_path, i, 2, {FIRST: 9, SECOND: 9}, cut) for i in (1, 2)]
    with pytest.raises(FvitError, match=told):
        merge(folders, Store(tmp_path / "into"))
    assert Store(tmp_path / "into").read() == []


def test_of_a_trial_that_failed_in_a_shard_no_more_is_wanted(tmp_path):
    folders = [shard(tmp_path, i, 2, {FIRST: 9, SECOND: 9}, failed=[SECOND] if i == 2 else []) for i in (1, 2)]
    merge(folders, Store(tmp_path / "into"))
    assert sum(isinstance(row, Failed) for row in Store(tmp_path / "into").read()) == 1


def test_shards_that_do_not_say_what_they_were_asked_are_refused(tmp_path):
    folders = [shard(tmp_path, i, 2, {}) for i in (1, 2)]
    with (store := Store(folders[0])).locked():
        store.append(answered(FIRST, range(1), "s1"))
    with pytest.raises(FvitError, match="shard 1/2 was measured by an older version"):
        merge(folders, Store(tmp_path / "into"))
