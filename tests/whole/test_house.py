"""The house seen from outside: nothing heavy behind --help, and a small repository."""

import subprocess
import sys

from runtime.provenance import ROOT


def test_help_loads_nothing_heavy():
    code = """import sys
from bench.cli import main
try:
    main(["table", "--help"])
except SystemExit:
    print([m for m in ("torch", "timm", "onnx", "pandas", "numpy") if m in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_repository_stays_small():
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    assert sum((ROOT / name).stat().st_size for name in files if name and (ROOT / name).exists()) < 24 * 2**20
