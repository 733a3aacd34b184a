"""A campaign: begun, resumed, tried again, cut by the time; killed anywhere it loses the row in work alone."""

import io
import time
from dataclasses import replace

import pytest
from rich.console import Console

from bench.commands._options import Results
from bench.records.campaign import Campaign, How, NotHere, Plan, head_of, last_of_each, latest, machines_of, select
from bench.records.rows import Failed, Gained, Machine, Why
from bench.records.store import Store
from runtime.errors import FvitError, SessionUnavailable

QUIET = Console(quiet=True)
KEYS = [f"k{i}" for i in range(5)]


def run(folder, measure, keys=KEYS, how=How(), settings=None, heads=None):
    """One pass over `keys`; the rows of the campaign."""

    def head():
        if heads is not None:
            heads.append(1)
        return {"notes": ["told once"]}

    with Campaign(Store(folder), Plan("test", settings or {"n": 5}, head), QUIET, how) as campaign:
        for key in campaign.each(keys, key=str):
            campaign.measure(key, lambda key=key: measure(campaign, key), {"about": key})
        return campaign.rows


def gained(campaign, key):
    return Gained(campaign=campaign.name, key=key, sigma=0.1, decibels=[1.0])


def test_the_same_command_goes_on_and_measures_nothing_twice(tmp_path):
    heads, asked = [], []

    def measure(campaign, key):
        asked.append(key)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return gained(campaign, key)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, measure, heads=heads)
    rows = run(tmp_path, measure, heads=heads)
    assert asked == ["k0", "k1", "k2", "k2", "k3", "k4"] and len(heads) == 1
    assert [row.key for row in rows if isinstance(row, Gained)] == KEYS
    assert run(tmp_path, lambda *_: pytest.fail("nothing is left"), heads=heads) == rows


def test_other_settings_and_fresh_begin_another_campaign(tmp_path):
    first = head_of(run(tmp_path, gained)).campaign
    assert head_of(run(tmp_path, gained)).campaign == first
    assert head_of(run(tmp_path, gained, settings={"n": 6})).campaign != first
    assert head_of(run(tmp_path, gained, how=How(fresh=True))).campaign != first


@pytest.mark.parametrize(("error", "why", "again"), [
    (FvitError("no space left on device"), Why.FAILED, True),
    (NotHere("needs COCO"), Why.NOT_HERE, False),
    (SessionUnavailable("no GPU"), Why.NOT_HERE, False),
])  # fmt: skip
def test_what_failed_for_a_passing_reason_is_tried_again_and_what_can_never_work_is_not(tmp_path, error, why, again):
    asked = []

    def measure(campaign, key):
        asked.append(key)
        if key == "k1" and asked.count("k1") == 1:
            raise error
        return gained(campaign, key)

    (failed,) = [row for row in run(tmp_path, measure) if isinstance(row, Failed)]
    assert failed.missing.why == why and failed.missing.reason == str(error) and failed.again == again and failed.subject == {"about": "k1"}
    rows = run(tmp_path, measure)
    assert asked.count("k1") == (2 if again else 1)
    assert [row for row in rows if isinstance(row, Failed)] == ([] if again else [failed])


def test_an_error_that_nobody_foresaw_ends_it_and_keeps_the_rows(tmp_path):
    def measure(campaign, key):
        if key == "k2":
            raise ZeroDivisionError
        return gained(campaign, key)

    with pytest.raises(ZeroDivisionError):
        run(tmp_path, measure)
    assert [row.key for row in Store(tmp_path).read() if isinstance(row, Gained)] == ["k0", "k1"]
    with Store(tmp_path).locked():  # the lock is free again
        pass


def test_it_stops_when_the_time_is_over_and_says_how_much_is_left(tmp_path, monkeypatch):
    from bench.records import campaign as module

    clock = iter(range(100))
    monkeypatch.setattr(module, "now", lambda: next(clock))
    with Campaign(Store(tmp_path), Plan("test", {}), QUIET, How(seconds=2)) as campaign:
        done = list(campaign.each(KEYS, key=str))
        assert len(done) < len(KEYS) and campaign.cut == len(KEYS) - len(done)


def test_the_campaigns_of_one_command_share_one_deadline(tmp_path, monkeypatch):
    from bench.records import campaign as module

    clock = iter(range(100))
    monkeypatch.setattr(module, "now", lambda: next(clock))
    results, done = Results(seconds=3), []
    for name in ("first", "second"):
        with Campaign(Store(tmp_path), Plan(name, {}), QUIET, replace(results.how(), shard=(1, 2))) as campaign:
            done += campaign.each(KEYS[:3], key=str)
    assert done == KEYS[:3] and campaign.cut == 3


def test_the_bar_is_redrawn_once_a_second_at_most(tmp_path):
    """Its thread takes time from the calls that are timed."""
    screen = io.StringIO()
    with Campaign(Store(tmp_path), Plan("test", {}), Console(file=screen, force_terminal=True, width=200)) as campaign:
        for _ in campaign.each(["the-item"], key=str):
            time.sleep(1.5)
    assert 1 <= screen.getvalue().count("the-item") <= 3  # a second's, and the last


def test_another_machine_goes_on_in_the_same_folder_and_every_row_names_its_own(tmp_path, monkeypatch):
    from bench.records import machine, store

    run(tmp_path, gained, keys=KEYS[:2])
    for module in (machine, store):
        monkeypatch.setattr(module, "folder_name", lambda: "other-machine")
    rows = run(tmp_path, gained)
    assert [row.key for row in rows if isinstance(row, Gained)] == KEYS and len(machines_of(rows)) == 2
    assert [row.machine == "other-machine" for row in rows if isinstance(row, Gained)] == [False, False, True, True, True]


def test_the_newest_complete_campaign_is_shown_else_the_newest(tmp_path):
    first = run(tmp_path, gained)
    second = run(tmp_path, gained, keys=KEYS[:1], how=How(fresh=True))
    rows = Store(tmp_path).read()

    def whole(rows):
        return sum(isinstance(row, Gained) for row in rows) == 5

    assert latest(rows, "test", whole) == first and latest(rows, "test") == second
    assert latest(rows, "test", lambda rows: False) == second and select(rows, head_of(first).campaign) == first
    with pytest.raises(FvitError, match="no rows of the study 'other'"):
        latest(rows, "other")


def test_of_each_key_the_last_row_counts(tmp_path):
    rows = [Gained(campaign="c", key="a", sigma=0.1, decibels=[1.0]), Gained(campaign="c", key="a", sigma=0.2, decibels=[])]
    assert last_of_each(rows) == rows[1:]
    assert last_of_each([Machine(campaign="c", key="a", environment={}), *rows])[1:] == rows[1:]
