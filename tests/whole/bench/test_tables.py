"""A table killed and started again, in processes of its own."""

import os
import signal
import subprocess
import sys
import time

from bench.records.rows import Answered
from bench.records.store import Store
from runtime.provenance import ROOT


def test_killed_it_ends_with_the_same_rows(tmp_path):
    """kill -9 after some rows; the cache of answers is empty for both runs. Many stops at once are tried on the loop alone, in tests/unit."""
    rows = {}
    for name, killed in (("undisturbed", False), ("killed", True)):
        environment = os.environ | {"FVIT_ANSWERS": str(tmp_path / f"cache-{name}")}
        command = [sys.executable, "-m", "bench", "table", "9", "--n", "1", "--results", str(tmp_path / name)]
        if killed:
            running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while _rows(tmp_path / name) < 6 and running.poll() is None:
                time.sleep(0.02)
            running.send_signal(signal.SIGKILL)
            assert running.wait() == -signal.SIGKILL and 6 <= _rows(tmp_path / name) < 60
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        (folder,) = (tmp_path / name).iterdir()
        found = [row for row in Store(folder).read() if isinstance(row, Answered)]
        rows[name] = sorted((row.key, row.answers, row.votes) for row in found)
    assert rows["killed"] == rows["undisturbed"] and len(rows["killed"]) == 31


def _rows(results) -> int:
    return sum(path.read_text().count("\n") for path in results.glob("*/rows.jsonl"))
