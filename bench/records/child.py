"""A function in a process of its own, under a time limit: its result comes back as JSON, and nothing that it started outlives it.

The child's standard input is a pipe that ends when its parent does, killed or not: then the child ends itself and whatever it has started.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from runtime import plugins
from runtime.errors import FvitError
from runtime.provenance import ROOT


def call(function: str, job: dict[str, Any], limit: float | None = None) -> Any:
    """What `module:function` gives for `job`, both plain JSON. FvitError with the child's last words where it failed or its time was over."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "bench.records.child", function, json.dumps(job), str(result)]
        code, said = run(command, limit, Path(folder) / "said")
        if code is None:
            raise FvitError(f"the process hung and was ended after {limit:.0f} s")
        if code or not result.is_file():
            raise FvitError(f"the process ended with exit code {code}: {said}")
        return json.loads(result.read_text())


def run(command: list[str], limit: float | None, said: Path | None = None) -> tuple[int | None, str]:
    """Exit code (None: ended after `limit` seconds, with whatever it had started) and last line of a command; `said` takes its output."""
    added = os.pathsep.join(map(str, plugins.folders()))
    environment = os.environ | ({plugins.VARIABLE: added} if added else {})
    with (said or Path(os.devnull)).open("w") as output:
        streams = {"stdin": subprocess.PIPE} | ({"stdout": output, "stderr": output} if said else {})
        child = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, **streams)  # type: ignore[call-overload]
        try:
            code = child.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with suppress(ProcessLookupError):  # nothing is left of what it had started
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            child.stdin.close()  # type: ignore[union-attr]
    lines = said.read_text(errors="replace").strip().splitlines() if said else []
    return code, lines[-1] if lines else "no message"


def _end_with_parent() -> None:
    """Waits for the end of the pipe, then ends this process's own group (`start_new_session`): itself and all that it has started."""
    while os.read(sys.stdin.fileno(), 1):
        continue
    os.killpg(os.getpid(), signal.SIGKILL)


def _main(function: str, job: str, result: str) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for folder in filter(None, os.environ.get(plugins.VARIABLE, "").split(os.pathsep)):
        plugins.add(folder)
    module, _, name = function.partition(":")
    answer = getattr(importlib.import_module(module), name)(json.loads(job))
    Path(result).write_text(json.dumps(answer))


if __name__ == "__main__":
    _main(*sys.argv[1:])
