"""`fvit latency` with its child processes: LoadGen, runs that hang or die, the real chain by the command line."""

import json
import subprocess
import sys
import time

import psutil
import pytest

from bench.cli import main
from bench.records.rows import Rows
from bench.studies.latency import measure as latency
from bench.studies.latency import server as serving
from runtime.errors import FvitError
from runtime.provenance import ROOT

SERVED = """
import json, sys, time
from pathlib import Path
from bench import serving
job = json.loads(sys.argv[1])
service = serving.Service(lambda numbers: time.sleep(0.002) or [n % 10 for n in numbers], job["merge"])
with serving.ThreadPoolExecutor(1) as caller:
    asked = caller.submit(serving.ask, job["scenario"], job, service, job["merge"] / 0.002, Path(sys.argv[2]))
    service.work()
asked.result()
print(len(service.answers), max(service.merged))
"""


def served(tmp_path, **job) -> tuple[dict, list[int]]:
    """LoadGen itself on a chain that sleeps for two milliseconds."""
    job = {"seconds": 0.5, "qps": 300.0, "target_p99": 50.0, "merge": 1} | job
    done = subprocess.run(
        [sys.executable, "-c", SERVED, json.dumps(job), str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return latency._read(tmp_path / latency.DETAIL), [int(word) for word in done.stdout.split()]


def test_single_stream_has_percentiles_and_a_verdict(tmp_path):
    found, (answered, merged) = served(tmp_path, scenario="single-stream")
    assert found["verdict"] == "VALID" and found["why"] == "" and merged == 1 and 0 < answered <= min(found["queries"], serving.PICTURES)
    assert 2 <= found["p50"] <= found["p90"] <= found["p99"] < 100 and 50 < found["pictures_a_second"] < 500


def test_server_is_invalid_when_its_target_cannot_be_met(tmp_path):
    found, (_, merged) = served(tmp_path, scenario="server", target_p99=0.5, merge=4)
    assert found["verdict"] == "INVALID" and found["why"] and found["p50"] > 1 and 1 <= merged <= 4


def test_offline_has_no_percentile(tmp_path):
    found, (_, merged) = served(tmp_path, scenario="offline", merge=8)
    assert (
        found["verdict"] == "VALID" and "p50" not in found and merged == 8 and found["pictures_a_second"] > 500 and found["queries"] > 100
    )


def test_a_run_that_hangs_is_ended_with_its_children(tmp_path):
    code = "import subprocess, sys, time; c = subprocess.Popen(['sleep', '60']); print(c.pid, flush=True); time.sleep(60)"
    start = time.perf_counter()
    with pytest.raises(FvitError, match="hung and was ended after 2 s"):
        latency._watched([sys.executable, "-c", code], tmp_path, 2.0)
    pid = int((tmp_path / "said").read_text())
    assert time.perf_counter() - start < 20
    end = time.perf_counter() + 20
    while not _gone(pid) and time.perf_counter() < end:  # a killed process lives until it is scheduled once more
        time.sleep(0.05)
    assert _gone(pid)


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_run_that_dies_says_its_last_line(tmp_path):
    with pytest.raises(FvitError, match="exit code 3: out of something"):
        latency._watched([sys.executable, "-c", "import sys; print('out of something'); sys.exit(3)"], tmp_path, 60.0)


@pytest.mark.parametrize("loadgen", [True, False])
def test_the_real_chain_by_the_command_line(tmp_path, monkeypatch, capsys, loadgen):
    """With LoadGen, and as the plain loop, which gives a map as well."""
    answer = "label" if loadgen else "vta:rules=chefer_bf16"
    if not loadgen:
        monkeypatch.setattr(latency, "available", lambda: "LoadGen is not installed; pip install 'fvit-bench[loadgen]'")
        assert main(["latency", "--results", str(tmp_path)]) == 2 and "--scenario single-stream runs" in capsys.readouterr().err
    words = ["latency", "--scenario", "single-stream", "--answer", answer, "--session", "eager", "--draws", "1", "--seconds", "1"]
    assert main([*words, "--results", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    (row,) = [row for row in Rows(folder).read() if row["kind"] == "latency"]
    assert row["verdict"] == ("VALID" if loadgen else "none") and 0 < row["p50"] <= row["p99"] and row["accuracy"][0] > 0.8
    assert row["peak_bytes"] >= row["resident_end"] > 0 and row["cold_start_seconds"] > row["p50"] / 1e3
    before, page = Rows(folder).path.read_bytes(), (folder / "latency.md").read_text()
    assert main([*words, "--results", str(tmp_path)]) == 0 and Rows(folder).path.read_bytes() == before
    assert f"| single-stream | {answer} | eager fp32 | 1 | 1 (1.0) |" in page and "no MLPerf results" in page
