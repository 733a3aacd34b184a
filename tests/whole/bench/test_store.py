"""One writer at a time: other processes are refused or wait, and no row is lost or doubled."""

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.records import child
from bench.records.rows import Gained
from bench.records.store import OWNER, Store
from runtime.errors import FvitError
from runtime.files import replaced
from runtime.provenance import ROOT


def gained(number: int = 0) -> Gained:
    return Gained(campaign="c", key=f"k{number}", sigma=0.25, decibels=[1.5, 2.0])


def test_a_second_process_is_refused_by_name_or_waits(tmp_path):
    with Store(tmp_path).locked():
        code = f"from bench.records.store import Store\nfrom pathlib import Path\nwith Store(Path({str(tmp_path)!r})).locked(): pass"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode and "is in use by process" in done.stderr and "wait for it" in done.stderr
    with Store(tmp_path).locked(wait=True):
        pass
    assert not (tmp_path / OWNER).exists()


def _writer(folder, number: int) -> None:
    store = Store(folder)
    for i in range(120):
        with store.locked(wait=True):
            store.append(gained(120 * number + i))


def test_four_writers_lose_no_row_and_double_none(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_writer, args=(tmp_path, number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    keys = [row.key for row in Store(tmp_path).read()]
    assert sorted(keys) == sorted(f"k{i}" for i in range(480))


def echo(job: dict) -> dict:
    """What `child.call` runs below."""
    if job["how"] == "fails":
        raise ValueError("no such picture")
    while job["how"] == "hangs":
        pass
    return {"twice": 2 * job["number"]}


def linger(job: dict) -> None:
    """Starts a process of its own, tells both, and measures on and on."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with replaced(Path(job["told"])) as told:
        told.write_text(f"{os.getpid()} {other.pid}")
    other.wait()


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _within(seconds: float, reached) -> bool:
    end = time.monotonic() + seconds
    while not reached() and time.monotonic() < end:
        time.sleep(0.05)
    return reached()


def test_a_child_and_what_it_started_end_with_a_parent_that_was_killed(tmp_path):
    told = tmp_path / "told"
    code = f"from bench.records import child; child.call('tests.whole.bench.test_store:linger', {{'told': {str(told)!r}}})"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        assert _within(120, told.exists), "the child never began"
        pids = [int(word) for word in told.read_text().split()]
        assert all(map(_lives, pids))
        parent.kill()
        assert _within(20, lambda: not any(map(_lives, pids)))
    finally:
        parent.kill()
        parent.wait()


def test_a_function_in_a_process_of_its_own():
    assert child.call("tests.whole.bench.test_store:echo", {"how": "works", "number": 21}) == {"twice": 42}
    with pytest.raises(FvitError, match="exit code 1: ValueError: no such picture"):
        child.call("tests.whole.bench.test_store:echo", {"how": "fails"})
    with pytest.raises(FvitError, match="hung and was ended after 15 s"):
        child.call("tests.whole.bench.test_store:echo", {"how": "hangs"}, limit=15.0)
