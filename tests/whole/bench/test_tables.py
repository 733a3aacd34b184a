"""A table killed and started again, in processes of its own."""

import os
import signal
import subprocess
import sys
import time

from bench.records.rows import Rows
from runtime.provenance import ROOT


def test_killed_it_ends_with_the_same_rows(tmp_path):
    """kill -9 after some rows; the look cache is fresh for both runs. Many stops at once are tried on the loop alone, in tests/unit."""
    looks = {}
    for name, killed in (("undisturbed", False), ("killed", True)):
        environment = os.environ | {"FVIT_LOOKS": str(tmp_path / f"cache-{name}")}
        command = [sys.executable, "-m", "bench", "table", "9", "--n", "1", "--results", str(tmp_path / name)]
        if killed:
            running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while _rows(tmp_path / name) < 6 and running.poll() is None:
                time.sleep(0.02)
            running.send_signal(signal.SIGKILL)
            assert running.wait() == -signal.SIGKILL and 6 <= _rows(tmp_path / name) < 17
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        (folder,) = (tmp_path / name).iterdir()
        found = [row for row in Rows(folder).read() if row["kind"] == "look"]
        looks[name] = sorted(
            ({k: v for k, v in row.items() if k not in ("campaign", "process")} for row in found), key=lambda row: row["key"]
        )
    assert looks["killed"] == looks["undisturbed"] and len(looks["killed"]) == 16


def _rows(results) -> int:
    return sum(path.read_text().count("\n") for path in results.glob("*/rows.jsonl"))
